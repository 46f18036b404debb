"""How calls change the health of their lanes, and when a lane has something due again."""

import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from delivery.courier.settlement import Settled
from delivery.lanes.answers import ABOUT_THE_MAIL, NOT_ABOUT_THE_ENDPOINT, Kind
from delivery.lanes.health import Health
from delivery.models import Lane
from delivery.outcome import Outcome
from fastsmtp.bulk import to_database

SUCCESS_INTERVAL = timedelta(seconds=5)  # how exact `last_success_at` of a healthy lane is

_key = to_database(Lane._meta.pk)
_moment = to_database(Lane._meta.get_field("due_at"))
_names = {field.name for field in fields(Health)}
_columns = {
    field.attname: to_database(field)
    for field in Lane._meta.concrete_fields
    if field.attname in _names
}
_assignments = ", ".join(f"{name} = %s" for name in _columns)


@dataclass(frozen=True, slots=True)
class LaneChange:
    """A lane is in another state; `outcome` is the last one that had to do with it."""

    outcome: Outcome
    before: Health
    after: Health


def update_lanes(settled: Sequence[Settled]) -> list[LaneChange]:
    """Health and due time are read and written under the lane's lock: no failure is counted twice
    or lost, and nobody takes a lane to rest while a delivery that stays open ends its claim. A
    healthy lane is left alone most of the time. Returns the changes of state."""
    by_lane: dict[uuid.UUID, list[Settled]] = defaultdict(list)
    for item in settled:
        by_lane[item.outcome.job.endpoint_id].append(item)
    concerned = [id for id, items in by_lane.items() if any(map(_concerns_lane, items))]
    if not concerned:
        return []
    changes, rows = [], []
    locked = Lane.objects.select_for_update().filter(endpoint_id__in=concerned)
    for lane in locked.order_by("endpoint_id"):
        items = by_lane[lane.endpoint_id]
        before = health = lane.health
        for item in items:
            health = _next_health(health, item.outcome)
        times = [at for at in (lane.due_at, *(item.due_at for item in items)) if at is not None]
        due_at = min(times, default=None)
        if (health, due_at) != (before, lane.due_at):
            rows.append(_row(lane, due_at, health))
        if health.state != before.state:
            changes.append(LaneChange(items[-1].outcome, before, health))
    with connection.cursor() as cursor:
        cursor.executemany(
            f"UPDATE lanes SET due_at = %s, {_assignments} WHERE endpoint_id = %s", rows
        )
    return changes


def _row(lane: Lane, due_at: datetime | None, health: Health) -> list[Any]:
    values = [convert(getattr(health, name)) for name, convert in _columns.items()]
    return [_moment(due_at), *values, _key(lane.pk)]


def _concerns_lane(item: Settled) -> bool:
    return item.due_at is not None or not _changes_nothing(item.outcome)


def _changes_nothing(outcome: Outcome) -> bool:
    if outcome.kind in NOT_ABOUT_THE_ENDPOINT:
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
            job = outcome.job
            return health.after_failure(now, is_probe=job.is_probe, tries=job.tries)
    return health.after_inconclusive_probe(now) if outcome.job.is_probe else health
