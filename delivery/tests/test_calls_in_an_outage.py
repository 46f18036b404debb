"""A database that goes away between the claim and the call costs a mail time, and no try."""

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest
from django.db import OperationalError

from delivery import jobs
from delivery.courier import outage, recording
from delivery.courier.courier import Courier
from delivery.models import Attempt, Delivery, Recipient
from delivery.models.message import SMALL
from delivery.objects import ledger
from delivery.tests.bucket_server import contents
from delivery.tests.conftest import Start
from delivery.tests.courier_steps import send, settled
from delivery.tests.webhook_receiver import WebhookReceiver

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("recipient_at_receiver"),
]

Status = Delivery.Status
LARGE = b"Subject: large\r\n\r\n" + b"x" * (SMALL + 1)
FAILURES = 2


@pytest.fixture(autouse=True)
def _soon_again(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("calls", "database_threads"):
        monkeypatch.setattr(f"delivery.courier.{module}.RETRY_DATABASE", 0.05)


@pytest.fixture
def fail(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any, str], Iterator[int]]:
    """The first calls of this function find no database, as a driver says it. Returns what counts
    all of them: its next number."""

    def replace(owner: Any, name: str) -> Iterator[int]:
        calls, works = count(), getattr(owner, name)

        def fail_first(*args: Any, **kwargs: Any) -> Any:
            if next(calls) < FAILURES:
                raise OperationalError("the connection is closed")
            return works(*args, **kwargs)

        monkeypatch.setattr(owner, name, fail_first)
        return calls

    return replace


def assert_delivered_at_the_first_try(receiver: WebhookReceiver) -> None:
    delivery = settled(status=Status.DELIVERED)
    assert (delivery.tries, delivery.attempts, delivery.last_error) == (1, 1, "")
    assert [attempt.outcome for attempt in Attempt.objects.all()] == ["delivered"]
    assert [call.headers["fastsmtp-attempt"] for call in receiver.calls] == ["1"]


def test_the_bytes_of_a_large_mail_cannot_be_read(
    courier: Courier,
    receiver: WebhookReceiver,
    recipient: Recipient,
    fail: Callable[..., Iterator[int]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    calls = fail(jobs, "load_raw")
    send(courier, recipient, raw=LARGE)
    assert_delivered_at_the_first_try(receiver)
    assert next(calls) == FAILURES + 1
    said = [record.message for record in caplog.records if record.name == outage.__name__]
    assert said == ["the database is away: the connection is closed", "the database is back"]


def test_what_is_in_the_bucket_cannot_be_noted(
    start: Start,
    bucket: str,
    receiver: WebhookReceiver,
    recipient: Recipient,
    fail: Callable[..., Iterator[int]],
) -> None:
    calls = fail(ledger, "reserve")
    mail = b"Content-Type: application/pdf; name=a.pdf\r\n\r\n%PDF"
    send(start(bucket), recipient, raw=mail)
    assert_delivered_at_the_first_try(receiver)
    assert list(contents(bucket).values()) == [b"%PDF"]
    assert next(calls) == FAILURES + 1


def test_the_claim_is_given_back_when_the_database_is(
    courier: Courier,
    receiver: WebhookReceiver,
    recipient: Recipient,
    fail: Callable[..., Iterator[int]],
) -> None:
    """Left to run out, it would be a lost attempt that counts."""
    fail(jobs, "load_raw")
    releases = fail(recording, "release")
    send(courier, recipient, raw=LARGE)
    assert_delivered_at_the_first_try(receiver)
    assert next(releases) >= FAILURES + 1
