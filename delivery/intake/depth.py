"""How deep the queue is, told without reading it all.

What waits is sought from the lanes that have something due, in the index `deliveries_due`. MariaDB
alone passes over the finished deliveries of these lanes too; in the index, that is some millions a
second.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min, Q, QuerySet

from delivery import states
from delivery.models import Delivery, Lane, Message

Status = Delivery.Status

_DUE = Lane.objects.filter(due_at__isnull=False)
_UNROUTED = Message.objects.filter(route_due_at__isnull=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Backlog:
    pending: int
    failed: int
    held: int  # by disabled lanes; in neither of the others
    since: datetime | None  # when the oldest of those that are not held came


def count_waiting(*, at_most: int) -> int:
    """Deliveries that will be tried by themselves, and messages that are not routed yet.

    Counting ends at `at_most`. What a disabled lane holds does not count: only people can make it
    less. No delivery is read but in the index.
    """
    count = _UNROUTED.values("route_due_at")[:at_most].count()
    waiting = _waiting_on(_DUE.exclude(state=Lane.State.DISABLED))
    return count + waiting.values("endpoint_id")[: at_most - count].count()


def look_at_backlog(*, at_most: int) -> Backlog:
    """What waits, by status; a message that is not routed yet is pending.

    No more than `at_most` deliveries are looked at, as many held ones and as many messages.
    """
    waiting = _waiting_on(_DUE.exclude(state=Lane.State.DISABLED))[:at_most].aggregate(
        pending=Count("id", filter=Q(status=Status.PENDING)),
        failed=Count("id", filter=Q(status=Status.FAILED)),
        since=Min("created_at"),
    )
    held = _waiting_on(_DUE.filter(state=Lane.State.DISABLED)).values("endpoint_id")[:at_most]
    unrouted = _UNROUTED[:at_most].aggregate(count=Count("id"), since=Min("received_at"))
    moments = [moment for moment in (waiting["since"], unrouted["since"]) if moment is not None]
    return Backlog(
        pending=waiting["pending"] + unrouted["count"],
        failed=waiting["failed"],
        held=held.count(),
        since=min(moments, default=None),
    )


def count_exhausted(*, at_most: int) -> int:
    """PostgreSQL alone has an index that leads to them; others read one of all deliveries."""
    return (
        Delivery.objects.filter(states.having(Status.EXHAUSTED)).values("status")[:at_most].count()
    )


def _waiting_on(lanes: QuerySet[Lane]) -> QuerySet[Delivery]:
    return Delivery.objects.filter(due_at__isnull=False, endpoint_id__in=lanes.values("pk"))
