"""Views of what belongs to the domain in their path."""

from functools import cached_property
from typing import Any

from accounts.models import Domain
from fastsmtp.api.lookup import find_or_404


class InDomain:
    kwargs: dict[str, Any]

    @cached_property
    def domain(self) -> Domain:
        return find_or_404(
            Domain.objects.all(), parameter="domain_id", text=self.kwargs["domain_id"]
        )
