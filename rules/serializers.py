from typing import Any

from django.db.models import Max
from rest_framework import serializers

from fastsmtp.api.serializers import CleanSerializer
from rules.models import Rule, RuleSet


class RuleSetSerializer(CleanSerializer):
    """Context: the `domain` of a new one."""

    class Meta:
        model = RuleSet
        fields = [
            "id",
            "domain_id",
            "name",
            "priority",
            "stop_on_match",
            "is_enabled",
            "created_at",
            "updated_at",
        ]

    def new_record(self) -> RuleSet:
        return RuleSet(domain=self.context["domain"])


class OptionalTextField(serializers.CharField):
    """Null and "" are the same; spaces at the ends may be meant."""

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, allow_blank=True, trim_whitespace=False, **options)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        return "" if data is None else super().run_validation(data)


class OverrideField(OptionalTextField):
    def to_representation(self, value: str) -> Any:
        return value or None


class RuleSerializer(CleanSerializer):
    """Context: the `ruleset` of a new one, which becomes its last."""

    value = OptionalTextField()
    webhook_url_override = OverrideField()

    class Meta:
        model = Rule
        fields = [
            "id",
            "ruleset_id",
            "order",
            "field",
            "operator",
            "value",
            "case_sensitive",
            "action",
            "webhook_url_override",
            "add_tags",
            "preserve_raw",
            "created_at",
            "updated_at",
        ]
        read_only_fields = ["order"]

    def new_record(self) -> Rule:
        ruleset: RuleSet = self.context["ruleset"]
        last = ruleset.rules.aggregate(order=Max("order"))["order"]
        return Rule(ruleset=ruleset, order=0 if last is None else last + 1)


class RuleSetWithRulesSerializer(RuleSetSerializer):
    rules = RuleSerializer(many=True, read_only=True)

    class Meta(RuleSetSerializer.Meta):
        fields = [*RuleSetSerializer.Meta.fields, "rules"]


class OrderSerializer(serializers.Serializer):
    rule_ids = serializers.ListField(child=serializers.UUIDField())
