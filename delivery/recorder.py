"""Outcomes into rows: the delivery, the attempt, and how the lane is doing."""

import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from delivery.models import Attempt, Delivery, Lane
from delivery.outcome import Outcome
from delivery.schedule import (
    ABOUT_THE_MAIL,
    Health,
    Kind,
    LaneState,
    Schedule,
    count_oversize,
    jittered,
)
from fastsmtp import maillog
from fastsmtp.bulk import Insert, to_database
from fastsmtp.config import config
from fastsmtp.crash import crash_point
from fastsmtp.ids import uuid7

SUCCESS_INTERVAL = timedelta(seconds=5)  # how exact `last_success_at` of a healthy lane is

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


@dataclass(frozen=True, kw_only=True, slots=True)
class Settled:
    """What a delivery is after a call."""

    outcome: Outcome
    status: Delivery.Status
    tries: int
    due_at: datetime | None = None
    reason: str = ""


def record(outcomes: Sequence[Outcome], schedule: Schedule) -> list[Settled]:
    """Writes all in one transaction. Raises DatabaseError having written nothing."""
    settled = [_settle(outcome, schedule) for outcome in outcomes]
    with transaction.atomic():
        # Lanes before deliveries, as everybody who locks both.
        changes = _update_lanes(settled)
        _update_deliveries(settled)
        _insert_attempt.execute([_attempt(outcome) for outcome in outcomes])
    crash_point("after_record")
    for item in settled:
        _log(item)
    for change in changes:
        _log_change(*change)
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


def _log_change(outcome: Outcome, before: Health, after: Health) -> None:
    maillog.endpoint_changed(
        endpoint_id=outcome.job.endpoint_id,
        url=outcome.job.target.url,
        before=before.state.value,
        after=after.state.value,
        reason=after.disabled_reason or outcome.error,
    )


def _settle(outcome: Outcome, schedule: Schedule) -> Settled:
    """The next state, by the table in docs/flow.md."""
    tries = outcome.job.tries
    match outcome.kind:
        case Kind.DELIVERED:
            return Settled(outcome=outcome, status=Status.DELIVERED, tries=tries)
        case Kind.REFUSED | Kind.NOT_ALLOWED:
            reason = outcome.kind.value
            return Settled(outcome=outcome, status=Status.EXHAUSTED, tries=tries, reason=reason)
        case Kind.ORPHANED:
            return Settled(
                outcome=outcome,
                status=Status.CANCELLED,
                tries=tries,
                reason="the recipient was deleted",
            )
        case Kind.THROTTLED | Kind.GONE:
            # The try is given back. The lane, now paused or disabled, says when it goes on.
            return Settled(
                outcome=outcome,
                status=Status(outcome.job.status),
                tries=tries - 1,
                due_at=outcome.finished_at,
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
    if wait is None and _worked_since(outcome):
        return Settled(outcome=outcome, status=Status.EXHAUSTED, tries=position, reason="schedule")
    return Settled(
        outcome=outcome,
        status=Status.FAILED,
        tries=position,
        due_at=outcome.finished_at + jittered(wait or schedule.last_wait()),
    )


def _worked_since(outcome: Outcome) -> bool:
    """Whether the endpoint took anything since this mail came. While it takes nothing, a mail is
    not given up: it is the endpoint that is at fault, and it will be disabled or come back. One
    that failed because of us or of the mail counts as if it had."""
    last_success_at = outcome.job.target.last_success_at
    created_at = outcome.job.created_at
    is_innocent = outcome.kind is Kind.BROKEN or outcome.status_code in ABOUT_THE_MAIL
    return is_innocent or (last_success_at is not None and last_success_at >= created_at)


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
            oversize_failures = %s
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
        count_oversize(
            outcome.job.oversize_failures,
            status=outcome.status_code,
            was_reset=outcome.was_reset,
            body_size=outcome.body_size,
        ),
        _key(outcome.job.delivery_id),
    ]


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


def _update_lanes(settled: Sequence[Settled]) -> list[tuple[Outcome, Health, Health]]:
    """Health and due time are read and written under the lane's lock: no failure is counted twice
    or lost, and nobody takes a lane to rest while a delivery that stays open ends its claim. A
    healthy lane is left alone most of the time. Returns the changes of state."""
    by_lane: dict[uuid.UUID, list[Settled]] = defaultdict(list)
    for item in settled:
        by_lane[item.outcome.job.endpoint_id].append(item)
    concerned = [id for id, items in by_lane.items() if any(map(_concerns_lane, items))]
    if not concerned:
        return []
    changes = []
    locked = Lane.objects.select_for_update().filter(endpoint_id__in=concerned)
    for lane in locked.order_by("endpoint_id"):
        items = by_lane[lane.endpoint_id]
        before = health = _health(lane)
        for item in items:
            health = _next_health(health, item.outcome)
        times = [at for at in (lane.due_at, *(item.due_at for item in items)) if at is not None]
        due_at = min(times, default=None)
        if (health, due_at) != (before, lane.due_at):
            Lane.objects.filter(pk=lane.pk).update(due_at=due_at, **asdict(health))
        if health.state != before.state:
            changes.append((items[-1].outcome, before, health))
    return changes


def _concerns_lane(item: Settled) -> bool:
    return item.due_at is not None or not _changes_nothing(item.outcome)


def _changes_nothing(outcome: Outcome) -> bool:
    if outcome.kind in (Kind.REFUSED, Kind.NOT_ALLOWED, Kind.ORPHANED, Kind.BROKEN):
        return not outcome.job.is_probe
    if outcome.kind is not Kind.DELIVERED:
        return False
    lane = outcome.job.target
    return (
        lane.is_active
        and lane.consecutive_failures == 0
        and lane.last_success_at is not None
        and outcome.finished_at - lane.last_success_at < SUCCESS_INTERVAL
    )


def _next_health(health: Health, outcome: Outcome) -> Health:
    now = outcome.finished_at
    match outcome.kind:
        case Kind.DELIVERED:
            return health.after_success(now)
        case Kind.THROTTLED:
            return health.after_throttling(now, outcome.retry_after)
        case Kind.GONE:
            return health.disabled("the receiver answered 410")
        case Kind.FAST | Kind.SLOW if outcome.status_code not in ABOUT_THE_MAIL:
            return health.after_failure(now, is_probe=outcome.job.is_probe)
    return health.after_inconclusive_probe(now) if outcome.job.is_probe else health


def _health(lane: Lane) -> Health:
    return Health(
        state=LaneState(lane.state),
        disabled_reason=lane.disabled_reason,
        paused_until=lane.paused_until,
        consecutive_failures=lane.consecutive_failures,
        pause_count=lane.pause_count,
        failing_since=lane.failing_since,
        last_success_at=lane.last_success_at,
        last_failure_at=lane.last_failure_at,
    )
