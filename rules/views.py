from functools import cached_property
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.generics import GenericAPIView, ListCreateAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import IsSuperuser
from accounts.scoping import InDomain
from fastsmtp.api.lookup import find_or_404
from fastsmtp.api.pagination import ArrayPagination
from fastsmtp.api.views import RecordView
from rules.models import Rule, RuleSet
from rules.serializers import (
    OrderSerializer,
    RuleSerializer,
    RuleSetSerializer,
    RuleSetWithRulesSerializer,
)


class RuleSetPagination(ArrayPagination):
    ordering = ("-priority", "name")


class RulePagination(ArrayPagination):
    ordering = ("order", "id")


class InRuleSet(InDomain):
    """The path names the rule set, and perhaps the domain that it must belong to."""

    @cached_property
    def ruleset(self) -> RuleSet:
        rows = RuleSet.objects.all()
        if "domain_id" in self.kwargs:
            rows = self.domain.rulesets.all()
        return find_or_404(rows, parameter="ruleset_id", text=self.kwargs["ruleset_id"])


class RuleSetsView(InDomain, ListCreateAPIView):
    serializer_class = RuleSetSerializer
    permission_classes = [IsSuperuser]
    pagination_class = RuleSetPagination

    def get_queryset(self) -> QuerySet[RuleSet]:
        return self.domain.rulesets.all()

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "domain": self.domain}


class RuleSetView(InRuleSet, RecordView):
    serializer_class = RuleSetWithRulesSerializer
    permission_classes = [IsSuperuser]

    def get_object(self) -> RuleSet:
        return self.ruleset


class RulesView(InRuleSet, ListCreateAPIView):
    serializer_class = RuleSerializer
    permission_classes = [IsSuperuser]
    pagination_class = RulePagination

    def get_queryset(self) -> QuerySet[Rule]:
        return self.ruleset.rules.all()

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "ruleset": self.ruleset}


class RuleView(InDomain, RecordView):
    serializer_class = RuleSerializer
    permission_classes = [IsSuperuser]

    def get_object(self) -> Rule:
        rows = Rule.objects.all()
        if "domain_id" in self.kwargs:
            rows = rows.filter(ruleset__domain=self.domain)
        return find_or_404(rows, parameter="rule_id", text=self.kwargs["rule_id"])


class ReorderView(InRuleSet, GenericAPIView):
    serializer_class = OrderSerializer
    permission_classes = [IsSuperuser]

    def post(self, request: Request, **_: Any) -> Response:
        order = self.get_serializer(data=request.data)
        order.is_valid(raise_exception=True)
        ids = order.validated_data["rule_ids"]
        with transaction.atomic():
            rules = {rule.id: rule for rule in self.ruleset.rules.select_for_update()}
            if sorted(ids) != sorted(rules):
                raise ValidationError(
                    {"rule_ids": "must name each rule of this rule set once"}, code="invalid_order"
                )
            for position, rule_id in enumerate(ids):
                rules[rule_id].order = position
            Rule.objects.bulk_update(rules.values(), ["order"])
        ordered = [rules[rule_id] for rule_id in ids]
        return Response(RuleSerializer(ordered, many=True).data)
