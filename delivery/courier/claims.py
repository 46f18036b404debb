"""Claims: which deliveries this process calls next.

A claim is written before the call, with the try counted, so that a process that dies in the
middle can at worst cause one call to be made again. `claim_id` fences: what comes back later is
recorded only where the claim is still the same one.
"""

import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from delivery import jobs
from delivery.courier.loading import load_jobs
from delivery.courier.release import put_off
from delivery.courier.suspicion import prolong
from delivery.jobs import Job, Target
from delivery.lanes.answers import Kind
from delivery.lanes.health import LaneState
from delivery.models import Attempt, Delivery, Lane
from fastsmtp.bulk import placeholders, to_database
from fastsmtp.crash import crash_point
from fastsmtp.ids import uuid7

MARGIN = timedelta(seconds=15)  # beyond the timeout of the call: for queueing and recording
LANES_PER_STATEMENT = 100
NEVER = datetime(1970, 1, 1, tzinfo=UTC)  # before the first claim of all

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
    lost_claims: int  # this one included


def claim(
    slots: Mapping[uuid.UUID, int], *, timeout: timedelta, takes_lost: bool = True
) -> Claimed:
    """Claims up to `slots[endpoint_id]` due deliveries of each lane, in one transaction; with
    `takes_lost` also those whose claim ran out."""
    now = timezone.now()
    claim_id = uuid7()
    claimed = Claimed()
    with transaction.atomic():
        targets = _targets(list(slots), now)
        limits = _limits(targets.values(), slots, now, claimed)
        due = _lock_due(limits, now, lost_at=now if takes_lost else NEVER)
        usual = {id: _end_of_claim(target, now, timeout) for id, target in targets.items()}
        ends = {item.id: prolong(usual[item.endpoint_id], item.lost_claims) for item in due}
        _write(due, claim_id, ends)
        probes = {
            item.endpoint_id: ends[item.id]
            for item in due
            if not targets[item.endpoint_id].is_active
        }
        _start_probes(probes)
    crash_point("after_claim")
    counts = Counter(item.endpoint_id for item in due)
    claimed.dry = {id for id in slots if id not in claimed.closed}
    claimed.dry -= {id for id, limit in limits.items() if counts[id] >= limit}
    claimed.jobs = load_jobs([item.id for item in due], targets, claim_id, ends)
    read = {job.delivery_id for job in claimed.jobs}
    unread = {item.id: item.endpoint_id for item in due if item.id not in read}
    put_off(unread, claim_id, probes)
    return claimed


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


def _end_of_claim(target: Target, now: datetime, default: timedelta) -> datetime:
    """A worker that dies silences a lane for as long as this, whatever others of the same claim
    are allowed."""
    own = target.timeout_seconds
    return now + (timedelta(seconds=own) if own else default) + MARGIN


def _lock_due(limits: Mapping[uuid.UUID, int], now: datetime, *, lost_at: datetime) -> list[_Due]:
    """Locks due deliveries that are unclaimed, or whose claim had run out by then, the oldest of
    each lane first.

    One statement for many lanes, each with its own limit: a lane with a long backlog cannot push
    the others out of a common one.
    """
    lock = "FOR UPDATE SKIP LOCKED" if connection.features.has_select_for_update else ""
    one_lane = f"""SELECT * FROM (
        SELECT id, endpoint_id, claim_id, attempts, lost_claims FROM deliveries
        WHERE endpoint_id = %s AND due_at <= %s AND (claim_id IS NULL OR claimed_until <= %s)
        ORDER BY due_at LIMIT %s {lock}) AS lane_{{}}"""

    def parameters(endpoint_id: uuid.UUID, limit: int) -> list[Any]:
        return [_key(endpoint_id), _moment(now), _moment(lost_at), limit]

    due: list[_Due] = []
    lanes = list(limits.items())
    with connection.cursor() as cursor:
        for start in range(0, len(lanes), LANES_PER_STATEMENT):
            part = lanes[start : start + LANES_PER_STATEMENT]
            cursor.execute(
                " UNION ALL ".join(one_lane.format(number) for number in range(len(part))),
                [value for lane in part for value in parameters(*lane)],
            )
            due += [_due(*row) for row in cursor.fetchall()]
    return due


def _due(id: object, endpoint_id: object, claim_id: object, attempts: int, lost: int) -> _Due:
    has_lost_claim = claim_id is not None
    return _Due(
        _from_key(id), _from_key(endpoint_id), has_lost_claim, attempts, lost + has_lost_claim
    )


def _write(due: Sequence[_Due], claim_id: uuid.UUID, ends: Mapping[uuid.UUID, datetime]) -> None:
    note_lost({item.id: item.attempts for item in due if item.has_lost_claim})
    alike = defaultdict(list)
    for item in due:
        alike[ends[item.id], item.has_lost_claim].append(_key(item.id))
    with connection.cursor() as cursor:
        for (end, has_lost_claim), keys in alike.items():
            # The lost claim has counted the try: a process that dies uses up none of the others.
            counter = "lost_claims" if has_lost_claim else "tries"
            cursor.execute(
                f"""UPDATE deliveries SET claim_id = %s, claimed_until = %s,
                {counter} = {counter} + 1, attempts = attempts + 1
                WHERE id IN ({placeholders(keys)})""",
                [_key(claim_id), _moment(end), *keys],
            )


def note_lost(lost: Mapping[uuid.UUID, int]) -> None:
    """Deliveries, with their attempts, whose claim ran out: its process died before the answer was
    known. Whoever takes the claim away notes it, under the deliveries' locks."""
    now = timezone.now()
    Attempt.objects.bulk_create(
        Attempt(
            delivery_id=id,
            number=attempts,
            started_at=now,
            outcome=Kind.UNKNOWN,
            error="the worker ended before the answer was known",
        )
        for id, attempts in lost.items()
    )


def _start_probes(ends: Mapping[uuid.UUID, datetime]) -> None:
    """One call at a time while a lane is probed: the others wait until this one must be over."""
    for endpoint_id, end in ends.items():
        Lane.objects.filter(endpoint_id=endpoint_id).update(
            state=LaneState.PROBING, paused_until=end
        )
