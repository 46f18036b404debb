"""A message that cannot be routed holds up nobody, and people get to see it."""

from typing import Any

import pytest

from delivery.courier.sweeper import overdue_messages
from delivery.models import Delivery, Message, Recipient
from delivery.routing.routing import MAX_TRIES, route
from delivery.tests.submissions import ids_of, receive
from delivery.tests.sweeping import sweep_now

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]

# None of them is a list of pairs of texts: a bug of an earlier version, or a hand in the database.
POISON = [
    [["support@example.com", "not-a-uuid"]],
    [["support@example.com"]],
    [["support@example.com", None]],
    ["support@example.com"],
    {"support@example.com": "x"},
    [[]],
    [7],
    7,
    "support@example.com",
]


def _poison(recipient: Recipient, rcpt_to: Any) -> Message:
    message = receive(recipient)
    Message.objects.filter(id=message.id).update(rcpt_to=rcpt_to)
    return message


@pytest.mark.parametrize("rcpt_to", POISON, ids=lambda rcpt_to: str(rcpt_to)[:40])
def test_it_is_quarantined_in_the_end(recipient: Recipient, rcpt_to: Any) -> None:
    message = _poison(recipient, rcpt_to)
    assert route([message.id]) == set()  # by a task, which counts nothing
    for _ in range(1, MAX_TRIES):
        assert sweep_now() == set()
        assert not Delivery.objects.exists()

    assert sweep_now() == set()

    message.refresh_from_db()
    assert (message.route_tries, message.route_due_at) == (MAX_TRIES, None)
    delivery = Delivery.objects.get()
    assert delivery.message == message
    assert delivery.domain == recipient.domain
    assert (delivery.status, delivery.reason) == (Delivery.Status.QUARANTINED, "routing_error")
    assert delivery.due_at is None


def test_the_quarantined_delivery_names_whom_it_was_for(recipient: Recipient) -> None:
    message = _poison(recipient, [["support@example.com", "not-a-uuid"]])
    Message.objects.update(route_tries=MAX_TRIES)
    route([message.id])
    assert Delivery.objects.get().recipient_address == "support@example.com"


def test_the_others_of_its_batch_are_routed(recipient: Recipient) -> None:
    before, after = receive(recipient), receive(recipient)
    poison = _poison(recipient, POISON[0])
    assert len(route([before.id, poison.id, after.id])) == 1
    routed = set(Delivery.objects.values_list("message_id", flat=True))
    assert routed == set(ids_of([before, after]))


def test_the_others_that_are_swept_with_it_are_routed(recipient: Recipient) -> None:
    before, after = receive(recipient), receive(recipient)
    _poison(recipient, POISON[0])
    assert len(sweep_now()) == 1
    routed = set(Delivery.objects.values_list("message_id", flat=True))
    assert routed == set(ids_of([before, after]))


def test_it_waits_until_it_is_swept_again(recipient: Recipient) -> None:
    """So that a thousand of them do not keep the sweep from the mail that can be routed."""
    _poison(recipient, POISON[0])
    sweep_now()
    assert overdue_messages().next_page() == []
