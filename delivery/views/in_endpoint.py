from functools import cached_property

from accounts.scoping import InDomain
from delivery.models import Endpoint
from fastsmtp.api.lookup import find_or_404


class InEndpoint(InDomain):
    @cached_property
    def endpoint(self) -> Endpoint:
        return find_or_404(
            self.domain.endpoints.select_related("lane"),
            parameter="endpoint_id",
            text=self.kwargs["endpoint_id"],
        )
