"""Which deliveries of a domain people mean: by status, time, recipient and endpoint."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any, Self

from django.db.models import Q, QuerySet
from django.utils.dateparse import parse_datetime

from delivery import states
from delivery.models import Delivery

Status = Delivery.Status

# What people mean when they say nothing: what did not arrive.
UNDELIVERED = (Status.FAILED.value, Status.EXHAUSTED.value)
# What a plain replay can make due; with the rules evaluated again, any other too.
REPLAYABLE = (
    *(Status.PENDING.value, states.HELD, *UNDELIVERED),
    *(Status.DELIVERED.value, Status.DISCARDED.value, Status.CANCELLED.value),
)
SELECTABLE = (*REPLAYABLE, Status.DROPPED.value, Status.QUARANTINED.value)


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """`since` and `until` are of the time when the delivery was made."""

    statuses: tuple[str, ...] = UNDELIVERED
    since: datetime | None = None
    until: datetime | None = None
    recipient_id: uuid.UUID | None = None
    endpoint_id: uuid.UUID | None = None

    def deliveries(self, domain_id: uuid.UUID) -> QuerySet[Delivery]:
        chosen = Delivery.objects.filter(
            reduce(or_, map(states.having, self.statuses), Q(pk__in=[])), domain_id=domain_id
        )
        conditions = {
            "created_at__gte": self.since,
            "created_at__lte": self.until,
            "recipient_id": self.recipient_id,
            "endpoint_id": self.endpoint_id,
        }
        return chosen.filter(**{k: value for k, value in conditions.items() if value is not None})

    def as_json(self) -> dict[str, Any]:
        return {
            "status": list(self.statuses),
            "since": self.since and self.since.isoformat(),
            "until": self.until and self.until.isoformat(),
            "recipient_id": self.recipient_id and str(self.recipient_id),
            "endpoint_id": self.endpoint_id and str(self.endpoint_id),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        recipient_id, endpoint_id = stored["recipient_id"], stored["endpoint_id"]
        return cls(
            statuses=tuple(stored["status"]),
            since=parse_datetime(stored["since"] or ""),
            until=parse_datetime(stored["until"] or ""),
            recipient_id=recipient_id and uuid.UUID(recipient_id),
            endpoint_id=endpoint_id and uuid.UUID(endpoint_id),
        )
