"""Claims: which deliveries this process calls next.

A claim is written before the call, with the try counted, so that a process that dies in the
middle can at worst cause one call to be made again. `claim_id` fences: what comes back later is
recorded only where the claim is still the same one.
"""

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from delivery import jobs, lanes
from delivery.jobs import Job, Target
from delivery.models import Attempt, Delivery, Lane
from delivery.schedule import Kind, LaneState
from fastsmtp.bulk import placeholders, to_database
from fastsmtp.crash import crash_point
from fastsmtp.ids import uuid7

MARGIN = timedelta(seconds=15)  # beyond the timeout of the call: for queueing and recording
LANES_PER_STATEMENT = 100

_key = to_database(Delivery._meta.pk)
_from_key = Delivery._meta.pk.to_python
_moment = to_database(Delivery._meta.get_field("due_at"))


@dataclass(kw_only=True, slots=True)
class Claimed:
    jobs: list[Job] = field(default_factory=list)
    # Lanes with fewer due deliveries than asked for: they have nothing more to do now.
    dry: set[uuid.UUID] = field(default_factory=set)
    # Lanes that may not run before a time; None: not before somebody enables them.
    closed: dict[uuid.UUID, datetime | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Due:
    """A delivery that may be claimed, locked until the commit."""

    id: uuid.UUID
    endpoint_id: uuid.UUID
    has_lost_claim: bool
    attempts: int


def claim(slots: Mapping[uuid.UUID, int], *, timeout: timedelta) -> Claimed:
    """Claims up to `slots[endpoint_id]` due deliveries of each lane, in one transaction."""
    now = timezone.now()
    claim_id = uuid7()
    claimed = Claimed()
    with transaction.atomic():
        targets = _targets(list(slots), now)
        limits = _limits(targets.values(), slots, now, claimed)
        due = _lock_due(limits, now)
        until = now + _longest_timeout(targets.values(), timeout) + MARGIN
        _write(due, claim_id, until)
        probed = {item.endpoint_id for item in due if not targets[item.endpoint_id].is_active}
        _start_probes(probed, until)
    crash_point("after_claim")
    counts = Counter(item.endpoint_id for item in due)
    claimed.dry = {id for id in slots if id not in claimed.closed}
    claimed.dry -= {id for id, limit in limits.items() if counts[id] >= limit}
    claimed.jobs = jobs.load([item.id for item in due], targets, claim_id, until)
    return claimed


def release(jobs: Sequence[Job]) -> None:
    """Gives back claims for which no call was made, as if they had never been."""
    with transaction.atomic():
        lanes.wake({job.endpoint_id for job in jobs}, at=timezone.now())
        _end_probes([job for job in jobs if job.is_probe])
        for claim_id, group in groupby(jobs, key=lambda job: job.claim_id):
            Delivery.objects.filter(
                id__in=[job.delivery_id for job in group], claim_id=claim_id
            ).update(
                claim_id=None, claimed_until=None, tries=F("tries") - 1, attempts=F("attempts") - 1
            )


def _targets(endpoint_ids: Sequence[uuid.UUID], now: datetime) -> dict[uuid.UUID, Target]:
    """Lanes to be probed are read again under their lock: one process at a time may do that."""
    targets = jobs.targets(endpoint_ids)
    probed = [
        target.endpoint_id
        for target in targets.values()
        if not target.is_active and not target.is_closed(now)
    ]
    if probed:
        list(Lane.objects.select_for_update().filter(pk__in=probed).order_by("pk"))
        targets |= jobs.targets(probed)
    return targets


def _limits(
    targets: Iterable[Target], slots: Mapping[uuid.UUID, int], now: datetime, claimed: Claimed
) -> dict[uuid.UUID, int]:
    """How many may be claimed of each lane: none while it is closed, one as a probe."""
    limits = {}
    for target in targets:
        if target.is_closed(now):
            is_disabled = target.state == LaneState.DISABLED
            claimed.closed[target.endpoint_id] = None if is_disabled else target.paused_until
        else:
            limits[target.endpoint_id] = slots[target.endpoint_id] if target.is_active else 1
    return limits


def _longest_timeout(targets: Iterable[Target], default: timedelta) -> timedelta:
    own = [target.timeout_seconds for target in targets if target.timeout_seconds]
    return max([default, *(timedelta(seconds=seconds) for seconds in own)])


def _lock_due(limits: Mapping[uuid.UUID, int], now: datetime) -> list[_Due]:
    """Locks due, unclaimed deliveries, the oldest of each lane first.

    One statement for many lanes, each with its own limit: a lane with a long backlog cannot push
    the others out of a common one.
    """
    lock = "FOR UPDATE SKIP LOCKED" if connection.features.has_select_for_update else ""
    one_lane = f"""SELECT * FROM (
        SELECT id, endpoint_id, claim_id, attempts FROM deliveries
        WHERE endpoint_id = %s AND due_at <= %s AND (claim_id IS NULL OR claimed_until <= %s)
        ORDER BY due_at LIMIT %s {lock}) AS lane_{{}}"""

    def parameters(endpoint_id: uuid.UUID, limit: int) -> list[Any]:
        return [_key(endpoint_id), _moment(now), _moment(now), limit]

    due: list[_Due] = []
    lanes = list(limits.items())
    with connection.cursor() as cursor:
        for start in range(0, len(lanes), LANES_PER_STATEMENT):
            part = lanes[start : start + LANES_PER_STATEMENT]
            cursor.execute(
                " UNION ALL ".join(one_lane.format(number) for number in range(len(part))),
                [value for lane in part for value in parameters(*lane)],
            )
            due += [
                _Due(_from_key(id), _from_key(lane), claim_id is not None, attempts)
                for id, lane, claim_id, attempts in cursor.fetchall()
            ]
    return due


def _write(due: Sequence[_Due], claim_id: uuid.UUID, until: datetime) -> None:
    if not due:
        return
    _note_lost_attempts([item for item in due if item.has_lost_claim])
    with connection.cursor() as cursor:
        cursor.execute(
            f"""UPDATE deliveries SET claim_id = %s, claimed_until = %s, tries = tries + 1,
            attempts = attempts + 1 WHERE id IN ({placeholders(due)})""",
            [_key(claim_id), _moment(until), *(_key(item.id) for item in due)],
        )


def _note_lost_attempts(lost: Sequence[_Due]) -> None:
    """A claim that ran out: its process died before the answer was known."""
    now = timezone.now()
    Attempt.objects.bulk_create(
        Attempt(
            delivery_id=item.id,
            number=item.attempts,
            started_at=now,
            outcome=Kind.UNKNOWN,
            error="the worker ended before the answer was known",
        )
        for item in lost
    )


def _start_probes(endpoint_ids: set[uuid.UUID], until: datetime) -> None:
    """One call at a time while a lane is probed: the others wait until this one must be over."""
    if endpoint_ids:
        Lane.objects.filter(endpoint_id__in=endpoint_ids).update(
            state=LaneState.PROBING, paused_until=until
        )


def _end_probes(probes: Sequence[Job]) -> None:
    """No call was made: the next one need not wait for the end of its claim."""
    for job in probes:
        Lane.objects.filter(endpoint_id=job.endpoint_id, paused_until=job.claimed_until).update(
            state=LaneState.PAUSED, paused_until=timezone.now()
        )
