from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from rest_framework.generics import GenericAPIView, ListCreateAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import IsSuperuser
from accounts.scoping import InDomain
from delivery.dry_run import message_of, try_rules
from delivery.models import Message, Recipient
from delivery.serializers import RecipientSerializer, RulesTestSerializer
from delivery.unrouted import first_address
from fastsmtp.api.pagination import ArrayPagination


class RecipientPagination(ArrayPagination):
    ordering = "local_part"


class RecipientsView(InDomain, ListCreateAPIView):
    serializer_class = RecipientSerializer
    permission_classes = [IsSuperuser]
    pagination_class = RecipientPagination

    def get_queryset(self) -> QuerySet[Recipient]:
        return self.domain.recipients.all()

    def get_serializer_context(self) -> dict[str, Any]:
        endpoint_ids = dict(self.domain.endpoints.values_list("url", "id"))
        return {
            **super().get_serializer_context(),
            "domain": self.domain,
            "endpoint_ids": endpoint_ids,
        }


class RulesTestView(InDomain, GenericAPIView):
    """Nothing is stored and nothing is sent."""

    serializer_class = RulesTestSerializer
    permission_classes = [IsSuperuser]

    def post(self, request: Request, **_: Any) -> Response:
        body = self.get_serializer(data=request.data)
        body.is_valid(raise_exception=True)
        given = body.validated_data
        recipient = given.get("recipient", "")
        if "raw" in given:
            raw = given["raw"].encode()
            return Response(try_rules(self.domain, message_of(raw), raw, recipient))
        stored = Message.objects.filter(domain=self.domain).select_related("raw")
        message = get_object_or_404(stored, pk=given["email_id"])
        return Response(
            try_rules(
                self.domain,
                message,
                message.raw.read() if message.raw else None,
                recipient or first_address(message.rcpt_to),
            )
        )
