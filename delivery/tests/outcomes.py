"""What came of calls, without making them."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from delivery.courier.recorder import record
from delivery.courier.settlement import Settled
from delivery.jobs import Job
from delivery.lanes.answers import Kind
from delivery.lanes.schedule import Schedule
from delivery.models import Endpoint, Recipient
from delivery.outcome import Outcome
from delivery.tests.waiting_mail import add_due, claim_one

SCHEDULE = Schedule(
    fast=(timedelta(seconds=1), timedelta(seconds=2)),
    slow=(timedelta(minutes=5), timedelta(minutes=30)),
)

_STATUS_CODES = {
    Kind.DELIVERED: 200,
    Kind.FAST: 500,
    Kind.SLOW: 401,
    Kind.REFUSED: 406,
    Kind.THROTTLED: 429,
    Kind.GONE: 410,
}


def outcome_of(job: Job, kind: Kind, **fields: Any) -> Outcome:
    """A call that took 250 ms and ended now."""
    finished_at = timezone.now()
    values = {
        "status_code": _STATUS_CODES.get(kind),
        "error": "" if kind is Kind.DELIVERED else "it went wrong",
        "payload_hash": "c0ffee",
        "started_at": finished_at - timedelta(milliseconds=250),
        "finished_at": finished_at,
    }
    return Outcome(job=job, kind=kind, **{**values, **fields})


def record_one(job: Job, kind: Kind, **fields: Any) -> Settled:
    (settled,) = record([outcome_of(job, kind, **fields)], SCHEDULE)
    return settled


def call_with(recipient: Recipient, endpoint: Endpoint, kind: Kind, **fields: Any) -> Settled:
    """One more mail that is claimed, called and recorded."""
    add_due(recipient, endpoint)
    return record_one(claim_one(endpoint), kind, **fields)
