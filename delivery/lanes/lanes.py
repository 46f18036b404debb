"""Lanes: which endpoints have something due, and when.

The rule that makes this safe without ever counting deliveries: `due_at` of a lane is never later
than the first thing that it has to do. Whoever adds a delivery lowers it, in the transaction that
adds; whoever finds nothing to do raises it. Both hold the lane's row lock while they look and
write, so neither can miss the other, and a crash in between leaves it too early, never too late.
"""

import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import batched
from typing import Any

from django.db import connection, transaction
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from delivery.models import Delivery, Lane
from fastsmtp.bulk import Select, placeholders, to_database

State = Lane.State

_key = to_database(Delivery._meta.pk)
_moment = to_database(Delivery._meta.get_field("due_at"))
_select = Select(
    "SELECT {} FROM lanes WHERE endpoint_id IN ({ids}) ORDER BY endpoint_id {lock}",
    (Lane, "endpoint_id"),
    (Lane, "due_at"),
)

CLOCK_SKEW = timedelta(minutes=5)  # between the workers' machines
BATCH = 500  # lanes locked by one statement


def wake(endpoint_ids: Collection[uuid.UUID], *, at: datetime) -> set[uuid.UUID]:
    """Lowers `due_at` to `at`, last thing in the transaction that made something due.

    Returns the lanes that exist; one that does not was deleted in the meantime.
    """
    found: set[uuid.UUID] = set()
    for ids in batched(sorted(endpoint_ids), BATCH):
        locked = _lock(ids)
        late = [id for id, due_at in locked.items() if due_at is None or due_at > at]
        if late:
            Lane.objects.filter(endpoint_id__in=late).update(due_at=at)
        found.update(locked)
    return found


def rest(endpoint_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, datetime | None]:
    """Sets `due_at` to what is really next; returns it, None where nothing waits."""
    upcoming: dict[uuid.UUID, datetime | None] = {}
    for ids in batched(sorted(endpoint_ids), BATCH):
        with transaction.atomic():
            locked = _lock(ids)
            next_due = _next_due(locked)
            _set_due({id: at for id, at in next_due.items() if at != locked[id]})
        upcoming |= next_due
    return upcoming


def due() -> QuerySet[Lane]:
    """Lanes that may be worked on now."""
    now = timezone.now()
    may_run = Q(state=State.ACTIVE) | Q(
        state__in=(State.PAUSED, State.PROBING), paused_until__lte=now
    )
    return Lane.objects.filter(may_run, due_at__lte=now)


def _lock(ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, datetime | None]:
    # Always in the order of the ids, so that two transactions never wait for each other.
    lock = "FOR UPDATE" if connection.features.has_select_for_update else ""
    rows = _select.rows([_key(id) for id in ids], ids=placeholders(ids), lock=lock)
    return dict(rows)


def _next_due(endpoint_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, datetime | None]:
    """The earliest time at which a delivery of each lane may be claimed, claimed ones included.

    Every lane costs a look at the first rows of its index, whatever its backlog: claimed
    deliveries, whose due time has passed, are only sought where no other is due.
    """
    now = timezone.now()
    waiting = Delivery.objects.filter(endpoint_id=OuterRef("endpoint_id"), due_at__isnull=False)
    first = waiting.filter(claim_id__isnull=True).order_by("due_at").values("due_at")
    upcoming = _earliest(endpoint_ids, first)
    unsure = [id for id, at in upcoming.items() if at is None or at > now]
    claimed = waiting.filter(due_at__lte=now + CLOCK_SKEW, claim_id__isnull=False)
    expiry = claimed.order_by("claimed_until").values("claimed_until")
    for endpoint_id, at in _earliest(unsure, expiry).items():
        times = [time for time in (upcoming[endpoint_id], at) if time is not None]
        upcoming[endpoint_id] = min(times, default=None)
    return upcoming


def _earliest(
    endpoint_ids: Collection[uuid.UUID], times: QuerySet[Delivery, Any]
) -> dict[uuid.UUID, datetime | None]:
    """The first of the times of each lane."""
    rows = Lane.objects.filter(endpoint_id__in=endpoint_ids)
    return dict(rows.values_list("endpoint_id", Subquery(times[:1])))


def _set_due(changes: Mapping[uuid.UUID, datetime | None]) -> None:
    nothing = [id for id, at in changes.items() if at is None]
    Lane.objects.filter(endpoint_id__in=nothing).update(due_at=None)
    with connection.cursor() as cursor:
        cursor.executemany(
            "UPDATE lanes SET due_at = %s WHERE endpoint_id = %s",
            [[_moment(at), _key(id)] for id, at in changes.items() if at is not None],
        )
