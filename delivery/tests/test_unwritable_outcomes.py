"""What the database does not take of an outcome must not make the mail be called again for ever."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from delivery.courier.courier import Courier
from delivery.courier.unwritable import record_in_part
from delivery.lanes import lanes
from delivery.lanes.answers import Kind
from delivery.models import Attempt, Delivery, Endpoint, Lane, Recipient
from delivery.outcome import Outcome
from delivery.tests.courier_steps import move, send, settled
from delivery.tests.outcomes import SCHEDULE, outcome_of
from delivery.tests.records import RAW
from delivery.tests.waiting_mail import add_due, claim_one
from delivery.tests.webhook_receiver import WebhookReceiver
from delivery.transports import webhook
from harness.waiting import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.mariadb]

Status = Delivery.Status
NO_TEXT = "\ud800"  # no driver can encode it
NO_NUMBER = 2**70  # no column has room for it


@pytest.fixture
def recipient(recipient: Recipient, receiver: WebhookReceiver) -> Recipient:
    return move(recipient, receiver)


@pytest.fixture
def spoil(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """From now on the calls are made, and this is what is said of those for mail of that size."""
    real_send = webhook.send

    def change(*, size: int = len(RAW), **changes: Any) -> None:
        async def send(*args: Any, **kwargs: Any) -> Outcome:
            outcome = await real_send(*args, **kwargs)
            return replace(outcome, **changes) if outcome.job.size == size else outcome

        monkeypatch.setattr(webhook, "send", send)

    return change


def test_it_is_recorded_without_what_the_receiver_said(
    spoil: Callable[..., None],
    courier: Courier,
    receiver: WebhookReceiver,
    recipient: Recipient,
    caplog: pytest.LogCaptureFixture,
) -> None:
    spoil(response_excerpt=NO_TEXT)
    send(courier, recipient)
    delivery = settled(status=Status.DELIVERED)
    assert (delivery.attempts, delivery.last_error) == (1, "UnicodeEncodeError")
    attempt = Attempt.objects.get()
    assert (attempt.outcome, attempt.status_code, attempt.response_excerpt) == (
        "delivered",
        200,
        "",
    )
    assert len(receiver.calls) == 1
    assert f"delivery {delivery.id}: outcome not recorded" in caplog.text


def test_or_without_the_attempt(
    spoil: Callable[..., None], courier: Courier, receiver: WebhookReceiver, recipient: Recipient
) -> None:
    spoil(status_code=NO_NUMBER)
    send(courier, recipient)
    delivery = settled(status=Status.DELIVERED)
    assert (delivery.attempts, delivery.due_at) == (1, None)
    assert not Attempt.objects.exists()
    assert len(receiver.calls) == 1


def test_a_failure_goes_on_in_its_schedule_to_the_end(
    spoil: Callable[..., None], courier: Courier, receiver: WebhookReceiver, recipient: Recipient
) -> None:
    receiver.answer("/", 500)
    spoil(status_code=NO_NUMBER)
    send(courier, recipient)
    delivery = settled(status=Status.EXHAUSTED)
    assert (delivery.reason, delivery.attempts) == ("schedule", 6)
    assert len(receiver.calls) == 6


def test_others_of_its_batch_are_recorded(
    spoil: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    courier: Courier,
    recipient: Recipient,
) -> None:
    monkeypatch.setattr("delivery.courier.recording.RECORD_INTERVAL", 0.5)
    spoil(size=len(RAW) + 1, status_code=NO_NUMBER)
    for raw in (RAW, RAW + b"!", RAW):
        send(courier, recipient, raw=raw)
    wait_until(lambda: Delivery.objects.filter(status=Status.DELIVERED).count() == 3)
    assert Attempt.objects.count() == 2


def test_its_lane_is_due_when_it_is(recipient: Recipient, endpoint: Endpoint) -> None:
    add_due(recipient, endpoint)
    outcome = outcome_of(claim_one(endpoint), Kind.FAST, status_code=NO_NUMBER)
    lanes.rest([endpoint.id])  # until the end of the claim
    [item] = record_in_part(outcome, ValueError(), SCHEDULE)
    assert Lane.objects.get().due_at == item.due_at == Delivery.objects.get().due_at


def test_a_claim_that_is_somebody_elses_is_left_alone(
    recipient: Recipient, endpoint: Endpoint
) -> None:
    add_due(recipient, endpoint)
    outcome = outcome_of(claim_one(endpoint), Kind.DELIVERED, status_code=NO_NUMBER)
    theirs = timezone.now() + timedelta(seconds=30)
    Delivery.objects.update(claim_id=outcome.job.delivery_id, claimed_until=theirs)
    before = Delivery.objects.values().get()
    record_in_part(outcome, ValueError(), SCHEDULE)
    assert Delivery.objects.values().get() == before
