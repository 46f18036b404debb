"""What a delivery's status looks like."""

from functools import partial

from unfold.decorators import display

from delivery.models import Delivery
from delivery.states import HELD, SENDING

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
