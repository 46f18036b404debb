"""What the tests of the courier do again and again."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from delivery.courier.courier import Courier
from delivery.intake import queue
from delivery.models import Delivery, Message, Recipient
from delivery.routing.routing import route
from delivery.tests.records import RAW
from delivery.tests.submissions import receive, submit
from delivery.tests.webhook_receiver import WebhookReceiver
from harness.waiting import wait_until


def move(recipient: Recipient, receiver: WebhookReceiver, path: str = "/") -> Recipient:
    """Its webhook is that path of the receiver from now on."""
    recipient.webhook_url = receiver.url(path)
    recipient.save()
    return recipient


def send(courier: Courier, *recipients: Recipient, raw: bytes = RAW) -> Message:
    """Received, routed, and the courier told."""
    message = receive(*recipients, raw=raw)
    courier.wake(route([message.id]))
    return message


def send_together(courier: Courier, recipient: Recipient, *, count: int) -> None:
    """So many at once. One after the other, on a slow machine the first would have used up its
    tries before the last came."""
    submissions = [submit(recipient) for _ in range(count)]
    # The courier looks for messages that nobody routes; these are routed here.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(queue, "ROUTE_GRACE", timedelta(minutes=1))
        queue.accept(submissions)
    courier.wake(route([submission.id for submission in submissions]))


def all_delivered() -> bool:
    return not Delivery.objects.exclude(status=Delivery.Status.DELIVERED).exists()


def settled(delivery_id: UUID | None = None, **expected: Any) -> Delivery:
    """The delivery, once it is unclaimed and as expected; the only one when no id is given."""
    deliveries = Delivery.objects.filter(**({"id": delivery_id} if delivery_id else {}))
    expected_ones = deliveries.filter(claim_id=None, attempts__gt=0, **expected)
    wait_until(expected_ones.exists, timeout=20)
    return deliveries.get()
