"""Sendings: which of them this process makes now, and what came of them.

A claim is a due time in the future, written before anything is sent: who dies in the middle leaves
it to another after that, and the receiver sees the same id again.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from delivery.lanes.schedule import jittered
from delivery.models import EventSending
from fastsmtp import maillog

# The waits after each try, about a day; then it is given up.
BACKOFF = tuple(
    timedelta(minutes=minutes) for minutes in (0.2, 0.5, 2, 10, 30, 60, 120, 240, 480, 480)
)


@dataclass(frozen=True, slots=True)
class Claimed:
    id: UUID
    event_id: UUID
    payload: dict[str, Any]
    address: str
    attempt: int  # from 1


def claim(channel: EventSending.Channel, *, limit: int, lease: timedelta) -> list[Claimed]:
    """The ones that have waited longest; nobody else takes them before `lease` is over."""
    now = timezone.now()
    due = EventSending.objects.filter(channel=channel, due_at__lte=now)
    if not due.exists():
        return []
    with transaction.atomic():
        can_skip = connection.features.has_select_for_update_skip_locked
        locked = due.select_for_update(skip_locked=can_skip).order_by("due_at")
        ids = list(locked.values_list("id", flat=True)[:limit])
        EventSending.objects.filter(id__in=ids).update(due_at=now + lease, tries=F("tries") + 1)
    chosen = EventSending.objects.filter(id__in=ids).select_related("event")
    return [
        Claimed(
            sending.id,
            sending.event_id,
            sending.event.payload,
            sending.address,
            sending.tries,
        )
        for sending in chosen.order_by("event_id")
    ]


def record(claimed: Claimed, channel: EventSending.Channel, error: str) -> None:
    """`error` is empty when it was taken. Only while the claim is ours; but a success that comes
    late still counts."""
    sending = EventSending.objects.filter(id=claimed.id, due_at__isnull=False)
    if not error:
        sending.update(due_at=None, sent_at=timezone.now(), last_error="")
        maillog.event_sent(event_id=claimed.event_id, channel=channel, attempt=claimed.attempt)
        return
    due_at = _next_due(claimed.attempt)
    sending.filter(tries=claimed.attempt).update(due_at=due_at, last_error=error[:500])
    maillog.event_not_sent(
        event_id=claimed.event_id,
        channel=channel,
        attempt=claimed.attempt,
        error=error,
        is_given_up=due_at is None,
    )


def _next_due(attempt: int) -> datetime | None:
    if attempt > len(BACKOFF):
        return None
    return timezone.now() + jittered(BACKOFF[attempt - 1])
