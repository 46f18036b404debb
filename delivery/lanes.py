"""Lanes: which endpoints have something due, and when.

The rule that makes this safe without ever counting deliveries: `due_at` of a lane is never later
than the first thing that it has to do. Whoever adds a delivery lowers it, in the transaction that
adds; whoever finds nothing to do raises it. Both hold the lane's row lock while they look and
write, so neither can miss the other, and a crash in between leaves it too early, never too late.
"""

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from itertools import batched

from django.db import connection, transaction
from django.db.models import Min, Q
from django.utils import timezone

from delivery.models import Delivery, Lane
from fastsmtp.bulk import Select, placeholders, to_database

State = Lane.State

_key = to_database(Delivery._meta.pk)
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
            for endpoint_id, due_at in _lock(ids).items():
                upcoming[endpoint_id] = next_due = _next_due(endpoint_id)
                if next_due != due_at:
                    Lane.objects.filter(endpoint_id=endpoint_id).update(due_at=next_due)
    return upcoming


def due(limit: int) -> list[uuid.UUID]:
    """Lanes that may be worked on now, the longest waiting first."""
    now = timezone.now()
    may_run = Q(state=State.ACTIVE) | Q(
        state__in=(State.PAUSED, State.PROBING), paused_until__lte=now
    )
    return list(
        Lane.objects.filter(may_run, due_at__lte=now)
        .order_by("due_at")
        .values_list("endpoint_id", flat=True)[:limit]
    )


def _lock(ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, datetime | None]:
    # Always in the order of the ids, so that two transactions never wait for each other.
    lock = "FOR UPDATE" if connection.features.has_select_for_update else ""
    rows = _select.rows([_key(id) for id in ids], ids=placeholders(ids), lock=lock)
    return dict(rows)


def _next_due(endpoint_id: uuid.UUID) -> datetime | None:
    """The earliest time at which a delivery may be claimed, claimed ones included."""
    waiting = Delivery.objects.filter(endpoint_id=endpoint_id, due_at__isnull=False)
    first = waiting.filter(claim_id__isnull=True).aggregate(at=Min("due_at"))["at"]
    # A claimed delivery keeps its due time, which has passed: this never reads a whole backlog.
    claimed = waiting.filter(due_at__lte=timezone.now() + CLOCK_SKEW, claim_id__isnull=False)
    expiry = claimed.aggregate(at=Min("claimed_until"))["at"]
    return min((at for at in (first, expiry) if at is not None), default=None)
