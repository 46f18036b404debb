"""What the database does not take of an outcome must not make the mail be called again for ever."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from delivery.courier import recorder
from delivery.courier.courier import Courier
from delivery.courier.database_threads import DatabaseThreads
from delivery.courier.hunger import Hunger
from delivery.courier.recorder import record
from delivery.courier.recording import Recording
from delivery.courier.settlement import Settled
from delivery.courier.suspicion import REHEARSALS
from delivery.courier.unwritable import record_in_part
from delivery.courier.wakes import Wakes
from delivery.jobs import Job
from delivery.lanes import lanes
from delivery.lanes.answers import Kind
from delivery.lanes.schedule import Schedule
from delivery.models import Attempt, Delivery, Endpoint, EventNote, Lane, Recipient
from delivery.outcome import Outcome
from delivery.tests.courier_steps import move, send, settled
from delivery.tests.outcomes import SCHEDULE, outcome_of
from delivery.tests.records import RAW
from delivery.tests.waiting_mail import add_due, claim_from, claim_one
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


def test_others_of_its_batch_are_recorded_once_whatever_the_database_does_then(
    recipient: Recipient, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        add_due(recipient, endpoint)
    first, bad, last = (outcome_of(job, Kind.REFUSED) for job in claim_from(endpoint).jobs)
    answers = iter([OperationalError("the server closed the connection"), None])

    def record_or_fail(outcomes: Sequence[Outcome], schedule: Schedule) -> list[Settled]:
        if outcomes == [last] and (error := next(answers)):
            raise error
        return record(outcomes, schedule)

    monkeypatch.setattr(recorder, "record", record_or_fail)

    async def run() -> None:
        recording = Recording(database, Wakes(Hunger()), SCHEDULE)
        for outcome in (first, replace(bad, status_code=NO_NUMBER), last):
            recording.add(outcome)
        with pytest.raises(OperationalError):
            await recording.step()
        await recording.step()
        recording.close()
        assert recording.is_finished()

    with closing(DatabaseThreads("record")) as database:
        asyncio.run(run())
    called = Attempt.objects.values_list("delivery_id", flat=True)
    assert sorted(called) == sorted([first.job.delivery_id, last.job.delivery_id])
    assert EventNote.objects.count() == 2
    assert Delivery.objects.filter(status=Status.EXHAUSTED).count() == 3


def test_its_lane_is_due_when_it_is(recipient: Recipient, endpoint: Endpoint) -> None:
    add_due(recipient, endpoint)
    outcome = outcome_of(claim_one(endpoint), Kind.FAST, status_code=NO_NUMBER)
    lanes.rest([endpoint.id])  # until the end of the claim
    [item] = record_in_part(outcome, ValueError(), SCHEDULE)
    assert Lane.objects.get().due_at == item.due_at == Delivery.objects.get().due_at


def _claim_of_somebody_else(job: Job) -> None:
    """Ours has run out."""
    theirs = timezone.now() + timedelta(seconds=30)
    Delivery.objects.update(claim_id=job.delivery_id, claimed_until=theirs)


def test_a_claim_that_is_somebody_elses_is_left_alone(
    recipient: Recipient, endpoint: Endpoint
) -> None:
    add_due(recipient, endpoint)
    outcome = outcome_of(claim_one(endpoint), Kind.FAST, status_code=NO_NUMBER)
    _claim_of_somebody_else(outcome.job)
    before = Delivery.objects.values().get()
    record_in_part(outcome, ValueError(), SCHEDULE)
    assert Delivery.objects.values().get() == before


def test_but_a_success_that_comes_late_wins(recipient: Recipient, endpoint: Endpoint) -> None:
    add_due(recipient, endpoint)
    outcome = outcome_of(claim_one(endpoint), Kind.DELIVERED, status_code=NO_NUMBER)
    _claim_of_somebody_else(outcome.job)
    record_in_part(outcome, ValueError(), SCHEDULE)
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.claim_id) == (Status.DELIVERED, None)


def test_what_is_over_stays_over(recipient: Recipient, endpoint: Endpoint) -> None:
    add_due(recipient, endpoint)
    outcome = outcome_of(claim_one(endpoint), Kind.DELIVERED, status_code=NO_NUMBER)
    Delivery.objects.update(status=Status.CANCELLED, due_at=None)
    before = Delivery.objects.values().get()
    record_in_part(outcome, ValueError(), SCHEDULE)
    assert Delivery.objects.values().get() == before


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.UNKNOWN])
def test_the_delivery_is_what_it_would_be(
    recipient: Recipient, endpoint: Endpoint, kind: Kind
) -> None:
    """But for what was said of the call."""
    for _ in range(2):
        add_due(recipient, endpoint, tries=1, attempts=1, lost_claims=1)
    whole, part = [outcome_of(job, kind) for job in claim_from(endpoint).jobs]
    record([whole], SCHEDULE)
    record_in_part(replace(part, status_code=NO_NUMBER), ValueError(), SCHEDULE)
    expected, found = (
        Delivery.objects.get(id=outcome.job.delivery_id) for outcome in (whole, part)
    )
    columns = ("status", "reason", "tries", "attempts", "lost_claims", "claim_id")
    assert [getattr(found, name) for name in columns] == [
        getattr(expected, name) for name in columns
    ]
    assert found.updated_at == part.finished_at
    assert found.delivered_at == (part.finished_at if kind is Kind.DELIVERED else None)


def test_one_that_ends_its_rehearsals_is_given_up(recipient: Recipient, endpoint: Endpoint) -> None:
    add_due(recipient, endpoint, lost_claims=1)
    for _ in range(REHEARSALS):
        Delivery.objects.update(due_at=timezone.now())
        outcome = outcome_of(claim_one(endpoint), Kind.DEADLY, status_code=NO_NUMBER)
        record_in_part(outcome, ValueError(), SCHEDULE)
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.reason) == (Status.EXHAUSTED, "deadly")


def test_one_that_is_too_large_is_sent_with_links(recipient: Recipient, endpoint: Endpoint) -> None:
    add_due(recipient, endpoint)
    outcome = outcome_of(claim_one(endpoint), Kind.SLOW, status_code=413)
    outcome.job.attempts = NO_NUMBER  # so there can be no attempt
    record_in_part(outcome, ValueError(), SCHEDULE)
    assert claim_one(endpoint).wants_links
