from rest_framework.filters import SearchFilter
from rest_framework.generics import ListCreateAPIView

from accounts.models import Domain
from accounts.permissions import IsSuperuser
from accounts.serializers import DomainSerializer
from fastsmtp.api.pagination import ArrayPagination


class DomainPagination(ArrayPagination):
    ordering = "domain_name"


class DomainsView(ListCreateAPIView):
    queryset = Domain.objects.all()
    serializer_class = DomainSerializer
    permission_classes = [IsSuperuser]
    pagination_class = DomainPagination
    filter_backends = [SearchFilter]
    search_fields = ["domain_name"]
