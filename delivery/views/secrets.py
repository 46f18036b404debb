from datetime import timedelta
from typing import Any

from django.http import Http404
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import IsSuperuser
from delivery.by_hand.rotation import rotate_secret
from delivery.models import Endpoint
from delivery.models.endpoint import LOST_SECRET
from delivery.serializers.secrets import RotationSerializer, SigningSecretSerializer
from delivery.views.in_endpoint import InEndpoint
from fastsmtp.api.errors import Conflict
from fastsmtp.orm import UNREADABLE


class SecretView(InEndpoint, GenericAPIView):
    serializer_class = SigningSecretSerializer
    permission_classes = [IsSuperuser]

    def get(self, request: Request, **_: Any) -> Response:
        if self.endpoint.secret is UNREADABLE:
            raise Conflict(LOST_SECRET)
        return _show_secret(self.endpoint)


class RotateSecretView(InEndpoint, GenericAPIView):
    serializer_class = RotationSerializer
    permission_classes = [IsSuperuser]

    def post(self, request: Request, **_: Any) -> Response:
        body = self.get_serializer(data=request.data)
        body.is_valid(raise_exception=True)
        grace = timedelta(seconds=body.validated_data["grace_seconds"])
        try:
            rotated = rotate_secret(self.endpoint, grace=grace, by=request.user.username)
        except Endpoint.DoesNotExist:  # since we looked
            raise Http404 from None
        return _show_secret(rotated)


def _show_secret(endpoint: Endpoint) -> Response:
    body = SigningSecretSerializer(endpoint).data
    return Response(body, headers={"Cache-Control": "no-store"})
