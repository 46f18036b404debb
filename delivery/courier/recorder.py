"""Outcomes into rows: the delivery, the attempt, and how the lane is doing."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db import connection, transaction

from delivery.courier.lane_health import LaneChange, update_lanes
from delivery.courier.settlement import Settled, settle
from delivery.courier.suspicion import count_lost
from delivery.events.notes import note_exhausted, note_lane_changes
from delivery.lanes.answers import count_oversize
from delivery.lanes.schedule import Schedule
from delivery.models import Attempt, Delivery
from delivery.outcome import Outcome
from fastsmtp import maillog
from fastsmtp.bulk import Insert, to_database
from fastsmtp.config import config
from fastsmtp.crash import crash_point
from fastsmtp.ids import uuid7

Status = Delivery.Status

_key = to_database(Delivery._meta.pk)
_moment = to_database(Delivery._meta.get_field("due_at"))
_insert_attempt = Insert(
    Attempt,
    "id",
    "delivery_id",
    "number",
    "started_at",
    "duration_ms",
    "outcome",
    "status_code",
    "error",
    "response_excerpt",
    "resolved_ip",
)


def record(outcomes: Sequence[Outcome], schedule: Schedule) -> list[Settled]:
    """Writes all in one transaction. Raises DatabaseError having written nothing."""
    settled = [settle(outcome, schedule) for outcome in outcomes]
    with transaction.atomic():
        # Lanes before deliveries, as everybody who locks both.
        changes = update_lanes(settled)
        _update_deliveries(settled)
        _insert_attempt.execute([_attempt(outcome) for outcome in outcomes])
        note_lane_changes(changes)
        note_exhausted(settled)
    crash_point("after_record")
    for item in settled:
        _log(item)
    for change in changes:
        _log_change(change)
    return settled


def _log(item: Settled) -> None:
    job = item.outcome.job
    maillog.attempted(
        message_id=job.message_id,
        delivery_id=job.delivery_id,
        attempt=job.attempts,
        status=item.status.value,
        status_code=item.outcome.status_code,
        duration_ms=item.outcome.duration / timedelta(milliseconds=1),
        error=item.outcome.error,
    )


def _log_change(change: LaneChange) -> None:
    job = change.outcome.job
    maillog.endpoint_changed(
        endpoint_id=job.endpoint_id,
        url=job.target.url,
        before=change.before.state.value,
        after=change.after.state.value,
        reason=change.after.disabled_reason or change.outcome.error,
    )


def _update_deliveries(settled: Sequence[Settled]) -> None:
    """Only where the claim is still ours; but a 2xx that comes late still wins. In the order of
    the ids, so that two transactions never wait for each other."""
    rows = [
        [*_values(item), _key(item.outcome.job.claim_id), item.status == Status.DELIVERED]
        for item in sorted(settled, key=lambda item: item.outcome.job.delivery_id)
    ]
    with connection.cursor() as cursor:
        cursor.executemany(
            """UPDATE deliveries SET status = %s, reason = %s, tries = %s, due_at = %s,
            claim_id = NULL, claimed_until = NULL, last_error = %s, last_status_code = %s,
            payload_hash = %s, delivered_at = %s, instance_id = %s, updated_at = %s,
            oversize_failures = %s, lost_claims = %s
            WHERE id = %s AND due_at IS NOT NULL AND (claim_id = %s OR %s)""",
            rows,
        )


def _values(item: Settled) -> list[Any]:
    outcome = item.outcome
    delivered_at = outcome.finished_at if item.status == Status.DELIVERED else None
    return [
        item.status.value,
        item.reason,
        item.tries,
        _moment(item.due_at),
        outcome.error[:500],
        outcome.status_code,
        outcome.payload_hash,
        _moment(delivered_at),
        config().instance_id,
        _moment(outcome.finished_at),
        oversize_failures(outcome),
        count_lost(outcome.job.lost_claims, outcome.kind),
        _key(outcome.job.delivery_id),
    ]


def oversize_failures(outcome: Outcome) -> int:
    """In a row, with this one."""
    return count_oversize(
        outcome.job.oversize_failures,
        status=outcome.status_code,
        was_reset=outcome.was_reset,
        body_size=outcome.body_size,
    )


def _attempt(outcome: Outcome) -> dict[str, object]:
    return {
        "id": uuid7(),
        "delivery_id": outcome.job.delivery_id,
        "number": outcome.job.attempts,
        "started_at": outcome.started_at,
        "duration_ms": round(outcome.duration / timedelta(milliseconds=1)),
        "outcome": outcome.kind.value,
        "status_code": outcome.status_code,
        "error": outcome.error[:500],
        "response_excerpt": outcome.response_excerpt,
        "resolved_ip": outcome.resolved_ip,
    }
