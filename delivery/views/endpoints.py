from dataclasses import asdict
from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from rest_framework.generics import GenericAPIView, ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import IsSuperuser
from accounts.scoping import InDomain
from delivery.by_hand.trial import try_endpoint
from delivery.lanes import switch
from delivery.models import Endpoint, Lane
from delivery.serializers.endpoints import DisableSerializer, EndpointSerializer
from delivery.views.in_endpoint import InEndpoint
from fastsmtp.api.pagination import ArrayPagination
from fastsmtp.api.views import RecordView


class EndpointPagination(ArrayPagination):
    ordering = "id"


class EndpointsView(InDomain, ListAPIView):
    serializer_class = EndpointSerializer
    permission_classes = [IsSuperuser]
    pagination_class = EndpointPagination

    def get_queryset(self) -> QuerySet[Endpoint]:
        return self.domain.endpoints.select_related("lane")


class EndpointView(InEndpoint, RecordView):
    """Routing makes endpoints; nobody deletes them but with their domain."""

    http_method_names = ["get", "put", "patch", "head", "options"]
    serializer_class = EndpointSerializer
    permission_classes = [IsSuperuser]

    def get_object(self) -> Endpoint:
        return self.endpoint


class SwitchView(InEndpoint, GenericAPIView):
    """Answers with the endpoint as it is then."""

    permission_classes = [IsSuperuser]

    def post(self, request: Request, **_: Any) -> Response:
        try:
            self.turn(request)
            self.endpoint.lane.refresh_from_db()
        except Lane.DoesNotExist:  # deleted since we looked
            raise Http404 from None
        return Response(EndpointSerializer(self.endpoint).data)

    def turn(self, request: Request) -> None:
        raise NotImplementedError


class EnableView(SwitchView):
    def turn(self, request: Request) -> None:
        switch.enable(self.endpoint.id, by=request.user.username)


class DisableView(SwitchView):
    serializer_class = DisableSerializer

    def turn(self, request: Request) -> None:
        body = self.get_serializer(data=request.data)
        body.is_valid(raise_exception=True)
        reason = body.validated_data.get("reason", "")
        switch.disable(self.endpoint.id, by=request.user.username, reason=reason)


class EndpointTestView(InEndpoint, GenericAPIView):
    permission_classes = [IsSuperuser]

    def post(self, request: Request, **_: Any) -> Response:
        try:
            return Response(asdict(try_endpoint(self.endpoint)))
        except Endpoint.DoesNotExist:
            raise Http404 from None
