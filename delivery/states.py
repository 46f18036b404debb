"""The states of a delivery that are derived, never stored: `sending` while a claim lives, `held`
while its endpoint is disabled."""

from typing import Any

from django.db.models import Q, Value
from django.utils import timezone

from delivery.models import Delivery, Lane

SENDING = "sending"
HELD = "held"


def shown_status(delivery: Delivery) -> str:
    """Expects `endpoint__lane` to be selected; the endpoint may be gone."""
    if is_sending(delivery):
        return SENDING
    return HELD if is_held(delivery) else delivery.status


def is_sending(delivery: Delivery) -> bool:
    is_claimed = delivery.claimed_until is not None and delivery.claimed_until > timezone.now()
    return delivery.status in Delivery.OPEN and is_claimed


def is_held(delivery: Delivery) -> bool:
    """What is being sent is not held: its call may succeed."""
    if delivery.status not in Delivery.OPEN or is_sending(delivery) or delivery.endpoint is None:
        return False
    return delivery.endpoint.lane.state == Lane.State.DISABLED


class _Literal(Value):
    """Written into the statement. PostgreSQL keeps one plan for all parameters of a prepared
    statement, and that cannot rest on an index of some statuses only."""

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[str | int, ...]]:
        return f"'{Delivery.Status(self.value).value}'", ()


def having(status: str) -> Q:
    """The condition for a stored status or a derived one."""
    now = timezone.now()
    open_ones = Q(due_at__isnull=False)  # the index knows these
    match status:
        case "sending":
            return open_ones & Q(claimed_until__gt=now)
        case "held":
            unclaimed = Q(claimed_until__isnull=True) | Q(claimed_until__lte=now)
            return open_ones & unclaimed & Q(endpoint__lane__state=Lane.State.DISABLED)
    return Q(status=_Literal(status))
