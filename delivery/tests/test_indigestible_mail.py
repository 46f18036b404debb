"""One mail that its receiver cannot digest does not pause the endpoint for the others."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from delivery.courier.courier import Courier
from delivery.courier.settlement import THROTTLES
from delivery.models import Attempt, Delivery, Lane, Recipient
from delivery.tests.courier_steps import send, settled
from delivery.tests.couriers import running_courier
from delivery.tests.records import RAW
from delivery.tests.webhook_receiver import WebhookReceiver
from harness.waiting import wait_until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.mariadb,
    pytest.mark.usefixtures("recipient_at_receiver"),
]

INDIGESTIBLE = RAW.replace(b"It works.", b"It does not.")
RETRIES = 9
Status = Delivery.Status


@pytest.fixture
def courier() -> Iterator[Courier]:
    """It tries again every few milliseconds at first."""
    retries = {"webhook_retry_base_delay": 0.001, "webhook_max_retries": RETRIES}
    with running_courier(**retries) as courier:
        yield courier


@pytest.fixture
def logs() -> Iterator[list[Any]]:
    with capture_logs() as logs:
        yield logs


def _pauses(logs: list[Any]) -> list[Any]:
    return [entry for entry in logs if "paused" in entry.values()]


@pytest.mark.parametrize("status", [400, 413, 422, 500, 502])
def test_others_flow_past_it(
    courier: Courier,
    receiver: WebhookReceiver,
    recipient: Recipient,
    logs: list[Any],
    status: int,
) -> None:
    receiver.choke_on(b"It does not.", status)
    bad = send(courier, recipient, raw=INDIGESTIBLE)
    while not Delivery.objects.filter(message=bad, status=Status.EXHAUSTED).exists():
        message = send(courier, recipient)
        settled(message.deliveries.get().id, status=Status.DELIVERED)
    assert _pauses(logs) == []
    others = Delivery.objects.exclude(message=bad)
    assert set(others.values_list("status", "attempts")) == {(Status.DELIVERED, 1)}


@pytest.mark.parametrize("status", [400, 500])
def test_nor_does_it_when_it_is_the_only_mail_for_a_while(
    courier: Courier,
    receiver: WebhookReceiver,
    recipient: Recipient,
    logs: list[Any],
    status: int,
) -> None:
    receiver.choke_on(b"It does not.", status)
    bad = send(courier, recipient, raw=INDIGESTIBLE).deliveries.get()
    wait_until(lambda: Attempt.objects.filter(delivery=bad).count() >= 8)
    other = send(courier, recipient).deliveries.get()
    assert settled(other.id, status=Status.DELIVERED).attempts == 1
    assert settled(bad.id, status=Status.EXHAUSTED).attempts == RETRIES + 1
    assert _pauses(logs) == []
    assert Lane.objects.get().state == Lane.State.ACTIVE


def test_one_that_is_told_to_come_later_for_ever_is_given_up(
    courier: Courier,
    receiver: WebhookReceiver,
    recipient: Recipient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("delivery.lanes.health.FIRST_PAUSE", timedelta(milliseconds=10))
    receiver.choke_on(b"It does not.", 503)
    bad = send(courier, recipient, raw=INDIGESTIBLE)
    while not Delivery.objects.filter(message=bad, status=Status.EXHAUSTED).exists():
        message = send(courier, recipient)
        settled(message.deliveries.get().id, status=Status.DELIVERED)
    delivery = bad.deliveries.get()
    assert delivery.reason == "schedule"
    assert delivery.attempts == THROTTLES + RETRIES + 1


def test_two_of_them_without_any_other_are_an_endpoint_that_fails(
    courier: Courier, receiver: WebhookReceiver, recipient: Recipient, logs: list[Any]
) -> None:
    receiver.choke_on(b"It does not.", 500)
    for _ in range(2):
        send(courier, recipient, raw=INDIGESTIBLE)
    wait_until(lambda: _pauses(logs))
