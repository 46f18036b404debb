"""A receiver that is restarted under load, as n8n does it: for a while nobody listens, then all
webhooks are 404, then it works. Nothing is lost, nothing is given up, nobody is alarmed."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from structlog.testing import capture_logs

from delivery.courier.courier import Courier
from delivery.models import Attempt, Delivery, Lane, Recipient
from delivery.tests.courier_steps import move, send
from delivery.tests.webhook_receiver import WebhookReceiver
from fastsmtp.config import config
from harness.waiting import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(120)]

# What happens, in seconds; the schedule is the default one.
REFUSED, MISSING = 2.0, 3.0
RATE = 30.0  # mails per second

Status = Delivery.Status


@contextmanager
def _load(courier: Courier, recipient: Recipient) -> Iterator[None]:
    """Mail at a steady rate, from a thread of its own."""
    is_over = threading.Event()

    def run() -> None:
        while not is_over.wait(1 / RATE):
            send(courier, recipient)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def _restart(first: WebhookReceiver) -> WebhookReceiver:
    """On the same port; it knows no webhooks yet."""
    first.__exit__(None, None, None)
    time.sleep(REFUSED)
    second = WebhookReceiver(port=urlsplit(first.url()).port or 0)
    second.answer("/", 404)
    second.__enter__()
    time.sleep(MISSING)
    return second


@pytest.fixture
def courier() -> Iterator[Courier]:
    courier = Courier(config())
    courier.start()
    yield courier
    courier.stop()


def _is_all_delivered() -> bool:
    return not Delivery.objects.exclude(status=Status.DELIVERED).exists()


def test_nothing_is_lost_and_nobody_is_alarmed(courier: Courier, recipient: Recipient) -> None:
    first = WebhookReceiver().__enter__()
    move(recipient, first)
    with capture_logs() as logs, _load(courier, recipient):
        first.wait_for_calls(20)
        second = _restart(first)
        second.answer("/", 200)
        missed = len(second.calls)
        second.wait_for_calls(missed + 20)
    wait_until(_is_all_delivered, timeout=60)
    second.__exit__(None, None, None)

    assert {entry["after"] for entry in logs if entry["event"] == "endpoint"} == {
        "paused",
        "active",
    }
    outcomes = list(Attempt.objects.values_list("outcome", flat=True))
    assert set(outcomes) == {"failed", "delivered"}
    assert outcomes.count("delivered") == Delivery.objects.count()
    # A handful of calls showed that it was away; the rest of the mail waited.
    assert outcomes.count("failed") < 30 < Delivery.objects.count()
    lane = Lane.objects.get()
    assert (lane.state, lane.consecutive_failures, lane.failing_since) == ("active", 0, None)
