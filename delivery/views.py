from functools import cached_property
from typing import Any

from django.db.models import QuerySet
from rest_framework.generics import ListCreateAPIView

from accounts.models import Domain
from accounts.permissions import IsSuperuser
from delivery.models import Recipient
from delivery.serializers import RecipientSerializer
from fastsmtp.api.lookup import find_or_404
from fastsmtp.api.pagination import ArrayPagination


class RecipientPagination(ArrayPagination):
    ordering = "local_part"


class RecipientsView(ListCreateAPIView):
    serializer_class = RecipientSerializer
    permission_classes = [IsSuperuser]
    pagination_class = RecipientPagination

    @cached_property
    def domain(self) -> Domain:
        return find_or_404(
            Domain.objects.all(), parameter="domain_id", text=self.kwargs["domain_id"]
        )

    def get_queryset(self) -> QuerySet[Recipient]:
        return self.domain.recipients.all()

    def get_serializer_context(self) -> dict[str, Any]:
        endpoint_ids = dict(self.domain.endpoints.values_list("url", "id"))
        return {
            **super().get_serializer_context(),
            "domain": self.domain,
            "endpoint_ids": endpoint_ids,
        }
