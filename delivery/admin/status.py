"""What a delivery's status looks like. Two words are derived, never stored: `sending` while a
claim lives, `held` while its endpoint is disabled."""

from functools import partial

from django.utils import timezone
from unfold.decorators import display

from delivery.models import Delivery, Lane

SENDING = "sending"
HELD = "held"

status_label = partial(
    display,
    description="status",
    ordering="status",
    label={
        Delivery.Status.PENDING: "info",
        SENDING: "info",
        Delivery.Status.DELIVERED: "success",
        Delivery.Status.FAILED: "warning",
        HELD: "warning",
        Delivery.Status.QUARANTINED: "warning",
        Delivery.Status.EXHAUSTED: "danger",
    },
)()


def shown_status(delivery: Delivery) -> str:
    """Expects `endpoint__lane` to be selected; the endpoint may be gone."""
    if delivery.status not in Delivery.OPEN:
        return delivery.status
    if delivery.claimed_until is not None and delivery.claimed_until > timezone.now():
        return SENDING
    if delivery.endpoint is not None and delivery.endpoint.lane.state == Lane.State.DISABLED:
        return HELD
    return delivery.status
