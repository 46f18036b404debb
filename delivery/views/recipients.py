from typing import Any

from django.db.models import QuerySet
from rest_framework.generics import ListCreateAPIView

from accounts.permissions import IsSuperuser
from accounts.scoping import InDomain
from delivery.models import Recipient
from delivery.serializers.recipients import RecipientSerializer
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
        return {**super().get_serializer_context(), "domain": self.domain}
