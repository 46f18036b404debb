"""What a delivery is after a call: the table of docs/flow.md as code."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from delivery.courier.suspicion import REHEARSAL_INTERVAL, REHEARSALS
from delivery.lanes.answers import ABOUT_THE_MAIL, Kind
from delivery.lanes.schedule import Schedule, archive_wait, jittered
from delivery.models import Delivery
from delivery.outcome import Outcome

Status = Delivery.Status

THROTTLES = 20  # of one mail, after which its tries count
RECENTLY = timedelta(days=1)  # an endpoint that took a mail since is not throttling all of them


@dataclass(frozen=True, kw_only=True, slots=True)
class Settled:
    """What a delivery is after a call."""

    outcome: Outcome
    status: Delivery.Status
    tries: int
    due_at: datetime | None = None
    reason: str = ""


def settle(outcome: Outcome, schedule: Schedule) -> Settled:
    """The next state, by the table in docs/flow.md."""
    tries = outcome.job.tries
    match outcome.kind:
        case Kind.DELIVERED:
            return Settled(outcome=outcome, status=Status.DELIVERED, tries=tries)
        case Kind.DEADLY if outcome.job.lost_claims < REHEARSALS:
            # It may have been a lack of memory. No call was made: no place in the schedule.
            return Settled(
                outcome=outcome,
                status=Status.FAILED,
                tries=tries - 1,
                due_at=outcome.finished_at + jittered(REHEARSAL_INTERVAL),
            )
        case Kind.REFUSED | Kind.NOT_ALLOWED | Kind.DEADLY:
            reason = outcome.kind.value
            return Settled(outcome=outcome, status=Status.EXHAUSTED, tries=tries, reason=reason)
        case Kind.ORPHANED:
            return Settled(
                outcome=outcome,
                status=Status.CANCELLED,
                tries=tries,
                reason="the recipient was deleted",
            )
        case Kind.THROTTLED if _is_throttled_alone(outcome):
            return _settle_failure(outcome, schedule)
        case Kind.THROTTLED | Kind.GONE:
            # The try is given back. The lane, now paused or disabled, says when it goes on.
            return Settled(
                outcome=outcome,
                status=Status(outcome.job.status),
                tries=tries - 1,
                due_at=outcome.finished_at,
            )
        case Kind.UNARCHIVED:
            # The bucket has to work first, however long that takes: no place in the schedule.
            return Settled(
                outcome=outcome,
                status=Status.FAILED,
                tries=tries - 1,
                due_at=outcome.finished_at + jittered(archive_wait(outcome.job.attempts)),
            )
    return _settle_failure(outcome, schedule)


def _settle_failure(outcome: Outcome, schedule: Schedule) -> Settled:
    if outcome.status_code == 413 and not outcome.job.wants_links:  # a smaller body, at once
        return Settled(
            outcome=outcome,
            status=Status.FAILED,
            tries=outcome.job.tries,
            due_at=outcome.finished_at,
        )
    position = schedule.position(outcome.kind, outcome.job.tries)
    wait = schedule.wait(position)
    if wait is None and (not schedule.slow or _worked_since(outcome)):
        return Settled(outcome=outcome, status=Status.EXHAUSTED, tries=position, reason="schedule")
    return Settled(
        outcome=outcome,
        status=Status.FAILED,
        tries=position,
        due_at=outcome.finished_at + jittered(wait or schedule.slow[-1]),
    )


def _is_throttled_alone(outcome: Outcome) -> bool:
    """Whether this mail, and not the endpoint, gets "later" again and again: others are taken all
    the time, and it would go on for ever. What a retry by hand began again counts as well."""
    job = outcome.job
    last_success_at = job.target.last_success_at
    return (
        job.attempts - job.tries >= THROTTLES  # tries that were given back
        and last_success_at is not None
        and last_success_at >= max(job.created_at, outcome.finished_at - RECENTLY)
    )


def _worked_since(outcome: Outcome) -> bool:
    """Whether the endpoint took anything since this mail came. While it takes nothing, a mail is
    not given up: it is the endpoint that is at fault, and it will be disabled or come back. One
    that failed because of us or of the mail counts as if it had."""
    last_success_at = outcome.job.target.last_success_at
    created_at = outcome.job.created_at
    is_innocent = outcome.kind is Kind.BROKEN or outcome.status_code in ABOUT_THE_MAIL
    return is_innocent or (last_success_at is not None and last_success_at >= created_at)
