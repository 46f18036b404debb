"""A receiver that is restarted under load, as n8n does it: for a while nobody listens, then all
webhooks are 404, then it works. Nothing is lost, nothing is given up, nobody is alarmed."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from structlog.testing import capture_logs

from delivery.courier.courier import Courier
from delivery.courier.lane_run import MAX_SLOTS
from delivery.models import Attempt, Delivery, Lane, Recipient
from delivery.tests.courier_steps import all_delivered, move, send
from delivery.tests.couriers import running
from delivery.tests.webhook_receiver import WebhookReceiver
from fastsmtp.config import config
from harness.processes import free_port
from harness.waiting import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(120)]

# What happens, in seconds; the schedule is the default one.
REFUSED, MISSING = 2.0, 3.0
RATE = 30.0  # mails per second
MOST_FAILURES = MAX_SLOTS + 30


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


@pytest.fixture
def courier() -> Iterator[Courier]:
    with running(Courier(config())) as courier:
        yield courier


def test_nothing_is_lost_and_nobody_is_alarmed(courier: Courier, recipient: Recipient) -> None:
    port = free_port()
    first = WebhookReceiver(port=port)
    move(recipient, first)
    with capture_logs() as logs, ExitStack() as until_all_is_delivered:
        with _load(courier, recipient):
            with first:
                first.wait_for_calls(20)
            time.sleep(REFUSED)
            second = WebhookReceiver(port=port)
            second.answer("/", 404)  # it knows no webhooks yet
            until_all_is_delivered.enter_context(second)
            time.sleep(MISSING)
            second.answer("/", 200)
            missed = len(second.calls)
            second.wait_for_calls(missed + 20)
            wait_until(lambda: Delivery.objects.count() > MOST_FAILURES)
        wait_until(all_delivered, timeout=60)

    assert {entry["after"] for entry in logs if entry["event"] == "endpoint"} == {
        "paused",
        "active",
    }
    outcomes = list(Attempt.objects.values_list("outcome", flat=True))
    assert set(outcomes) == {"failed", "delivered"}
    assert outcomes.count("delivered") == Delivery.objects.count()
    # The calls under way and a handful more showed that it was away; the rest of the mail waited.
    assert outcomes.count("failed") < MOST_FAILURES
    lane = Lane.objects.get()
    assert (lane.state, lane.consecutive_failures, lane.failing_since) == ("active", 0, None)
