from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from rest_framework.exceptions import ParseError
from rest_framework.generics import GenericAPIView, ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import IsSuperuser
from accounts.scoping import InDomain
from delivery import states
from delivery.by_hand import discarding, interventions
from delivery.models import Delivery
from delivery.serializers.deliveries import (
    DeliveryDetailSerializer,
    DeliveryFilterSerializer,
    DeliverySerializer,
)
from fastsmtp.api.lookup import find_or_404
from fastsmtp.api.pagination import LogPagination

# References may dangle; selected in the same query, a missing row is None.
_ROWS = Delivery.objects.select_related("message", "endpoint__lane").defer(
    "message__rcpt_to", "message__authentication_results", "endpoint__secret"
)


class DeliveriesView(InDomain, ListAPIView):
    serializer_class = DeliverySerializer
    permission_classes = [IsSuperuser]
    pagination_class = LogPagination

    def get_queryset(self) -> QuerySet[Delivery]:
        asked = DeliveryFilterSerializer(data=self.request.query_params)
        asked.is_valid(raise_exception=True)
        return _ROWS.filter(_condition(**asked.validated_data), domain_id=self.domain.id)


def _condition(*, status: str | None = None, message_id: str | None = None, **others: Any) -> Q:
    """`message_id` is the header's, or the id of our row."""
    wanted = Q()
    if status is not None:
        wanted &= states.having(status)
    if message_id is not None:
        wanted &= _of_message(message_id)
    lookups = {"since": "created_at__gte", "until": "created_at__lte"}
    return wanted & Q(**{lookups.get(name, name): value for name, value in others.items()})


def _of_message(text: str) -> Q:
    try:
        return Q(message_id=UUID(text))
    except ValueError:
        return Q(message__internet_message_id__whole=text)


class OneDelivery(GenericAPIView):
    serializer_class = DeliverySerializer
    permission_classes = [IsSuperuser]

    def find(self) -> Delivery:
        return find_or_404(_ROWS, parameter="delivery_id", text=self.kwargs["delivery_id"])

    def show(self, message: str, delivery_id: UUID) -> Response:
        row = self.get_serializer(_ROWS.get(pk=delivery_id)).data
        return Response({"message": message, **row})


class DeliveryView(OneDelivery):
    serializer_class = DeliveryDetailSerializer

    def get(self, request: Request, **_: Any) -> Response:
        return Response(self.get_serializer(self.find()).data)


class RetryView(OneDelivery):
    def post(self, request: Request, **_: Any) -> Response:
        delivery_id = self.find().id
        again = interventions.retry([delivery_id], by=request.user.username)
        if delivery_id in again.refused:
            raise ParseError(again.refused[delivery_id])
        return self.show(f"Delivery {delivery_id} queued for retry", delivery_id)


class ReleaseView(OneDelivery):
    def post(self, request: Request, **_: Any) -> Response:
        delivery = self.find()
        if not interventions.release([delivery.id], by=request.user.username):
            raise ParseError(
                "Its endpoint is disabled; enabling it delivers what is held."
                if states.is_held(delivery)
                else "Only what is quarantined, and has somewhere to go, can be released."
            )
        return self.show(f"Delivery {delivery.id} released", delivery.id)


class DiscardView(OneDelivery):
    def post(self, request: Request, **_: Any) -> Response:
        delivery_id = self.find().id
        if not discarding.discard([delivery_id], by=request.user.username):
            raise ParseError("Only what is quarantined or held can be discarded.")
        return self.show(f"Delivery {delivery_id} discarded", delivery_id)
