from typing import Any

from django.shortcuts import get_object_or_404
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import IsSuperuser
from accounts.scoping import InDomain
from delivery.models import Message
from delivery.routing.dry_run import message_of, try_rules
from delivery.routing.unrouted import first_address
from delivery.serializers.rules_test import RulesTestSerializer


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
