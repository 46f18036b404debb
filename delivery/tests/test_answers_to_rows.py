"""From what a receiver does on the wire to the row: each line of the tables in docs/flow.md and
docs/webhooks.md."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from delivery.courier.calls import Caller
from delivery.courier.problem import problem_of
from delivery.courier.recorder import record
from delivery.courier.rehearsal import Rehearsal
from delivery.jobs import Job
from delivery.lanes.health import LONGEST_RETRY_AFTER
from delivery.lanes.schedule import JITTER, Schedule
from delivery.models import Attempt, Delivery, Endpoint, Lane, Recipient
from delivery.outcome import Outcome
from delivery.tests.waiting_mail import add_due, claim_one
from delivery.tests.webhook_receiver import Reply, WebhookReceiver
from fastsmtp.config import config
from fastsmtp.http import AddressPolicy
from fastsmtp.http.door import Door

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]

SECOND = timedelta(seconds=1)
FAST = SECOND
SLOW = timedelta(minutes=5)
DAY = LONGEST_RETRY_AFTER


@dataclass(frozen=True, kw_only=True)
class Row:
    """What is stored after the first call. `wait` is of the delivery, `pause` of its lane."""

    status: str = "failed"
    reason: str = ""
    outcome: str = "failed"
    code: int | None = None
    error: str = ""
    tries: int = 1
    wait: timedelta | None = None
    lane: str = "active"
    pause: timedelta | None = None
    failures: int = 0
    problem: str | None = None


def _delivered(code: int) -> Row:
    return Row(status="delivered", outcome="delivered", code=code)


def _fast(code: int | None, error: str = "") -> Row:
    error = error or f"the receiver answered {code}"
    return Row(code=code, error=error, wait=FAST, failures=1)


def _slow(code: int, problem: str) -> Row:
    failures = 0 if problem == "payload" else 1
    return Row(
        outcome="rejected",
        code=code,
        error=f"the receiver answered {code}",
        tries=6,
        wait=SLOW,
        failures=failures,
        problem=problem,
    )


def _throttled(code: int, pause: timedelta) -> Row:
    return Row(
        status="pending",
        outcome="throttled",
        code=code,
        error=f"the receiver answered {code}",
        tries=0,
        lane="paused",
        pause=pause,
    )


def _after(value: str, code: int = 503) -> Reply:
    return Reply(code, {"Retry-After": value})


ROWS: dict[str, tuple[int | Reply, Row]] = {
    **{str(code): (code, _delivered(code)) for code in (200, 201, 202, 206, 299)},
    "204": (Reply(raw=b"HTTP/1.1 204 No Content\r\n\r\n"), _delivered(204)),
    **{str(code): (code, _slow(code, "config")) for code in (300, 301, 302, 307, 308, 405, 418)},
    **{str(code): (code, _slow(code, "auth")) for code in (401, 402, 403)},
    **{str(code): (code, _slow(code, "payload")) for code in (400, 415, 422)},
    **{str(code): (code, _fast(code)) for code in (404, 500, 502, 504, 599)},
    **{str(code): (code, _throttled(code, SECOND)) for code in (408, 425, 429, 503)},
    "406": (
        406,
        Row(
            status="exhausted",
            reason="refused",
            outcome="refused",
            code=406,
            error="the receiver answered 406",
        ),
    ),
    "410": (
        410,
        Row(
            status="pending",
            outcome="gone",
            code=410,
            error="the receiver answered 410",
            tries=0,
            lane="disabled",
        ),
    ),
    "429 in seconds": (_after("90", 429), _throttled(429, 90 * SECOND)),
    "503 by a past date": (_after("Wed, 21 Oct 2015 07:28:00 GMT"), _throttled(503, SECOND)),
    "503 by a date years ahead": (_after("Wed, 21 Oct 2065 07:28:00 GMT"), _throttled(503, DAY)),
    "503 over a day": (_after("86401"), _throttled(503, DAY)),
    "503 negative": (_after("-5"), _throttled(503, SECOND)),
    "503 zero": (_after("0"), _throttled(503, SECOND)),
    "503 with nonsense": (_after("soon"), _throttled(503, SECOND)),
    "half an answer": (
        Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"),
        _fast(None, "127.0.0.1 broke the connection off"),
    ),
    "no HTTP": (Reply(raw=b"220 mx ESMTP\r\n"), _fast(None, "127.0.0.1 did not answer in HTTP")),
}


def _call(recipient: Recipient, endpoint: Endpoint, url: str, **changes: Any) -> None:
    """One mail, claimed, sent and recorded as the courier does; with the default schedule."""
    Endpoint.objects.update(url=url)
    add_due(recipient, endpoint)
    outcome = asyncio.run(_send(claim_one(endpoint), **changes))
    record([outcome], Schedule.from_config(config()))


async def _send(job: Job, *, policy: AddressPolicy | None = None, seconds: float = 20.0) -> Outcome:
    async def load(_: Job) -> None:
        raise AssertionError("a small mail comes with its claim")

    async with Door(policy or config().address_policy) as door:
        caller = Caller(door, timeout=timedelta(seconds=seconds), load=load, rehearsal=Rehearsal())
        outcome = await caller.call(job)
    assert outcome is not None
    return outcome


@pytest.mark.parametrize(("reply", "row"), ROWS.values(), ids=ROWS)
def test_an_answer(
    recipient: Recipient,
    endpoint: Endpoint,
    receiver: WebhookReceiver,
    reply: int | Reply,
    row: Row,
) -> None:
    receiver.answer("/", reply)
    _call(recipient, endpoint, receiver.url())
    _assert_row(row)
    assert len(receiver.calls) == 1


def test_413_is_sent_smaller_at_once_then_slowly(
    recipient: Recipient, endpoint: Endpoint, receiver: WebhookReceiver
) -> None:
    receiver.answer("/", 413)
    _call(recipient, endpoint, receiver.url())
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.tries) == ("failed", 1)
    assert delivery.due_at == delivery.updated_at
    job = claim_one(endpoint)
    assert job.wants_links
    record([asyncio.run(_send(job))], Schedule.from_config(config()))
    delivery.refresh_from_db()
    assert delivery.tries == 6
    assert delivery.due_at is not None
    assert SLOW * (1 - JITTER) <= delivery.due_at - delivery.updated_at <= SLOW * (1 + JITTER)
    assert Lane.objects.get().consecutive_failures == 0


def test_no_answer_in_time(
    recipient: Recipient, endpoint: Endpoint, receiver: WebhookReceiver
) -> None:
    receiver.hang("/")
    _call(recipient, endpoint, receiver.url(), seconds=0.3)
    _assert_row(_fast(None, "no complete answer within 0.3 s"))
    receiver.let_go("/")


def test_nobody_listens(recipient: Recipient, endpoint: Endpoint) -> None:
    _call(recipient, endpoint, "http://127.0.0.1:9/")
    _assert_row(_fast(None, "cannot connect to 127.0.0.1: "))


def test_no_such_name(recipient: Recipient, endpoint: Endpoint) -> None:
    # RFC 6761 §6.4: never exists.
    _call(recipient, endpoint, "http://hook.invalid/")
    _assert_row(_fast(None, "hook.invalid does not resolve: "))


def test_no_tls(recipient: Recipient, endpoint: Endpoint, receiver: WebhookReceiver) -> None:
    """It speaks HTTP in clear on that port."""
    _call(recipient, endpoint, receiver.url().replace("http://", "https://"))
    _assert_row(_fast(None, "TLS with 127.0.0.1 failed: "))


def test_an_address_that_is_not_allowed(
    recipient: Recipient, endpoint: Endpoint, receiver: WebhookReceiver
) -> None:
    _call(recipient, endpoint, receiver.url(), policy=AddressPolicy.parse([], []))
    error = "127.0.0.1 is not a public address"
    _assert_row(Row(status="exhausted", reason="not_allowed", outcome="not_allowed", error=error))
    assert receiver.connections == 0


def _assert_row(row: Row) -> None:
    delivery, lane, attempt = Delivery.objects.get(), Lane.objects.get(), Attempt.objects.get()
    assert (delivery.status, delivery.reason) == (row.status, row.reason)
    assert (delivery.tries, delivery.attempts, delivery.claim_id) == (row.tries, 1, None)
    assert delivery.last_status_code == attempt.status_code == row.code
    assert delivery.last_error == attempt.error
    assert delivery.last_error.startswith(row.error)
    assert bool(delivery.last_error) == bool(row.error)
    assert attempt.outcome == row.outcome
    assert problem_of(delivery.last_status_code) == row.problem
    if row.wait is not None:
        assert delivery.due_at is not None
        waited = delivery.due_at - delivery.updated_at
        assert row.wait * (1 - JITTER) <= waited <= row.wait * (1 + JITTER)
    assert (delivery.due_at is None) == (row.status in ("delivered", "exhausted"))
    assert (lane.state, lane.consecutive_failures) == (row.lane, row.failures)
    if row.pause is not None:
        assert lane.paused_until == delivery.updated_at + row.pause
