"""What is still needed, however old it is. Every deletion asks here, under its locks.

Times count from the last change of a delivery, not from the reception: what was held for a month
and then delivered is kept as long as all the rest.
"""

from datetime import datetime

from django.db.models import Exists, OuterRef, Q

from delivery.models import Delivery, Replay, ReplayItem
from delivery.objects import archives
from delivery.retention.ages import Cutoffs

Status = Delivery.Status

# A status that only a newer version knows is not among them.
FINISHED = (
    Status.DELIVERED,
    Status.EXHAUSTED,
    Status.DROPPED,
    Status.DISCARDED,
    Status.CANCELLED,
)


def deliveries_over(cutoffs: Cutoffs, *, before: datetime) -> Q:
    """Deliveries that were finished before that. What is exhausted is meant to be replayed, so it
    also has to be as old as messages get."""
    replayable = min(before, cutoffs.messages)
    is_old = Q(status__in=FINISHED, updated_at__lt=before) & (
        ~Q(status=Status.EXHAUSTED) | Q(updated_at__lt=replayable)
    )
    return is_old & ~_is_replayed()


def messages_needed(cutoffs: Cutoffs, *, before: datetime) -> Q:
    """Messages of which something is still to be done, or was not over before that. Whatever else
    waits for a message or its bytes belongs into this condition."""
    is_over = deliveries_over(cutoffs, before=before)
    has_more = Exists(Delivery.objects.filter(message_id=OuterRef("pk")).exclude(is_over))
    has_work = Q(route_due_at__isnull=False) | Q(has_more) | archives.is_owed() | _is_replayed()
    return Q(received_at__gte=before) | has_work


def _is_replayed() -> Q:
    """Deliveries, or messages, that a replay has not come to yet. One that still collects may want
    any of its domain."""
    collecting = Replay.objects.filter(
        state=Replay.State.COLLECTING, domain_id=OuterRef("domain_id")
    )
    waiting = ReplayItem.objects.filter(
        replay__state__in=Replay.UNFINISHED, is_queued=False, subject_id=OuterRef("pk")
    )
    return Q(Exists(collecting)) | Q(Exists(waiting))
