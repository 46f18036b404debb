"""Fresh mail does not wait for a replay, neither at the same endpoint nor at others."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from uuid import UUID

import pytest
from django.db import connection

from accounts.models import Domain
from delivery.courier.courier import Courier
from delivery.models import Delivery, Endpoint, Recipient
from delivery.replay import feeding
from delivery.tests.courier_steps import move, send
from delivery.tests.records import create_endpoint
from delivery.tests.replaying import add_many, start
from delivery.tests.webhook_receiver import WebhookReceiver
from harness.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

REPLAYED = 400


@contextmanager
def _worker(courier: Courier) -> Iterator[None]:
    """Works on replays as a worker does, until the block ends."""
    stopping = threading.Event()
    feeder = feeding.Feeder()

    def work() -> None:
        while not stopping.is_set():
            feeding.run(feeder, wake=courier.wake, seconds=0.2)
            stopping.wait(feeding.LOOK_INTERVAL)
        connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


def _endpoint_of(recipient: Recipient) -> Endpoint:
    return create_endpoint(recipient.domain, url=recipient.webhook_url)


def _position(receiver: WebhookReceiver, message_id: UUID) -> int | None:
    ids = [call.headers["fastsmtp-message"] for call in list(receiver.calls)]
    return ids.index(str(message_id)) if str(message_id) in ids else None


def _has_arrived(receiver: WebhookReceiver, message_id: UUID) -> bool:
    return _position(receiver, message_id) is not None


def test_in_the_order_of_arrival(
    courier: Courier, receiver: WebhookReceiver, recipient: Recipient
) -> None:
    endpoint = _endpoint_of(move(recipient, receiver))
    add_many(recipient, endpoint, REPLAYED)
    start(recipient)
    places = []
    with _worker(courier):
        for share in (1, 2, 3):
            receiver.wait_for_calls(share * REPLAYED // 5)
            before = len(receiver.calls)
            message = send(courier, recipient)
            wait_until(partial(_has_arrived, receiver, message.id), timeout=20)
            places.append((_position(receiver, message.id) or 0) - before)
        receiver.wait_for_calls(REPLAYED + 3, timeout=60)
    # At most what was fed at once, and the calls that came while the mail was stored and routed.
    assert max(places) <= 2 * feeding.LARGEST_SERVING
    assert len(receiver.calls) == REPLAYED + 3


def test_an_endpoint_that_hangs_gets_no_more_than_it_works_off(
    courier: Courier, receiver: WebhookReceiver, recipient: Recipient, domain: Domain
) -> None:
    receiver.hang("/slow")
    slow = _endpoint_of(move(recipient, receiver, "/slow"))
    add_many(recipient, slow, REPLAYED)
    other = Recipient.objects.create(
        domain=domain, local_part="other", webhook_url=receiver.url("/healthy")
    )
    add_many(other, _endpoint_of(other), 50)
    start(recipient)
    with _worker(courier):
        receiver.wait_for_calls(1, path="/slow")
        receiver.wait_for_calls(50, path="/healthy", timeout=60)
        message = send(courier, recipient)
        fresh = Delivery.objects.get(message=message)
        assert fresh.due_at is not None
        ahead = Delivery.objects.filter(endpoint=slow, due_at__lte=fresh.due_at, claim_id=None)
        assert ahead.count() <= 2 * feeding.FIRST_SERVING
        receiver.let_go("/slow")
        wait_until(
            lambda: Delivery.objects.filter(
                message=message, status=Delivery.Status.DELIVERED
            ).exists(),
            timeout=20,
        )
