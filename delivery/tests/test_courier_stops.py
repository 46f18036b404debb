"""A courier that is told to stop ends what it has begun and gives back the rest."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from django.db import transaction

from delivery.courier import lane_run
from delivery.courier.courier import Courier
from delivery.models import Attempt, Delivery, Lane, Recipient
from delivery.tests.courier_steps import all_delivered, send
from delivery.tests.couriers import running_courier
from delivery.tests.records import create_endpoint
from delivery.tests.waiting_mail import add_due, claim_from, claim_one
from delivery.tests.webhook_receiver import WebhookReceiver
from harness.waiting import wait_until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.mariadb,
    pytest.mark.usefixtures("recipient_at_receiver"),
]

Status = Delivery.Status


@pytest.fixture
def running() -> Iterator[Courier]:
    """The test stops it."""
    with running_courier() as courier:
        yield courier
        assert not courier._thread.is_alive(), "the test did not stop it"


@contextmanager
def _stopping(courier: Courier) -> Iterator[threading.Thread]:
    """Told to stop at the beginning, in a thread; it has stopped at the end."""
    thread = threading.Thread(target=courier.stop)
    thread.start()
    try:
        yield thread
    finally:
        thread.join()


def test_calls_under_way_are_finished_and_recorded(
    running: Courier, receiver: WebhookReceiver, recipient: Recipient
) -> None:
    receiver.hang("/")
    for _ in range(2):
        send(running, recipient)
    receiver.wait_for_calls(2)
    with _stopping(running) as stopping:
        stopping.join(0.3)
        assert stopping.is_alive(), "it did not wait"
        receiver.let_go("/")
    assert set(Delivery.objects.values_list("status", "claim_id")) == {(Status.DELIVERED, None)}
    assert Attempt.objects.filter(outcome="delivered").count() == 2


def test_what_was_claimed_ahead_is_given_back(
    running: Courier,
    receiver: WebhookReceiver,
    recipient: Recipient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An endpoint that answers fast has more claimed than it is called for at once."""
    monkeypatch.setattr(lane_run, "LOOK_AHEAD", 1000.0)  # fast is whatever this machine does
    for _ in range(40):
        send(running, recipient)
    wait_until(all_delivered)
    receiver.calls.clear()
    receiver.hang("/")
    for _ in range(120):
        send(running, recipient)
    wait_until(lambda: Delivery.objects.filter(claim_id__isnull=False).count() > 40)

    with _stopping(running):
        wait_until(running._stopping.is_set)
        receiver.let_go("/")

    assert not Delivery.objects.filter(claim_id__isnull=False).exists()
    called = {call.headers["webhook-id"] for call in receiver.calls}
    for delivery in Delivery.objects.exclude(status=Status.DELIVERED):
        assert str(delivery.id) not in called
        assert (delivery.status, delivery.tries, delivery.attempts) == (Status.PENDING, 0, 0)
    waiting = Delivery.objects.filter(status=Status.PENDING).count()
    assert waiting == 120 - len(called) > 0
    # Whoever comes next finds them at once.
    lane = Lane.objects.get()
    assert len(claim_from(lane.endpoint, slots=120).jobs) == waiting


def test_a_claim_that_is_being_written_is_given_back(
    running: Courier, receiver: WebhookReceiver, recipient: Recipient
) -> None:
    """Its thread cannot be stopped: the database commits it after all."""
    endpoint = create_endpoint(recipient.domain, url=recipient.webhook_url, state=Lane.State.PAUSED)
    add_due(recipient, endpoint)
    with ExitStack() as until_it_has_stopped, transaction.atomic():
        # The claim waits for this lock, because it would be a probe.
        Lane.objects.select_for_update().get()
        running.wake([endpoint.id])
        until_it_has_stopped.enter_context(_stopping(running))
        wait_until(running._stopping.is_set)
    lane = Lane.objects.get()
    assert lane.paused_until is not None, "nothing was claimed"
    delivery = Delivery.objects.get()
    assert (delivery.claim_id, delivery.claimed_until) == (None, None)
    assert (delivery.tries, delivery.attempts) == (0, 0)
    assert receiver.calls == []
    assert claim_one(endpoint).delivery_id == delivery.id
