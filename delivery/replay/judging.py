"""Rules that are asked again. What they are asked about is counted before: a process that ends
meanwhile leaves no other trace. One that was counted, and nothing more was heard of it, comes last
and alone; so in the end only the message that processes end of is given up."""

import uuid
from collections.abc import Sequence
from datetime import timedelta

from django.db.models import F, QuerySet
from django.utils import timezone

from delivery.models import Replay, ReplayItem
from delivery.routing import unrouted, verdicts
from delivery.routing.verdicts import Decisions

MAX_UNFINISHED = 3
LONGEST = timedelta(minutes=2)  # much more than judging takes; then its process has ended


class EndsProcesses(Exception):
    """No process has lived through asking the rules about this message."""


def take(waiting: QuerySet[ReplayItem], size: int) -> list[uuid.UUID]:
    """The messages that come next. Inside a transaction with the replay's lock."""
    now = timezone.now()
    new = list(waiting.filter(tries=0).order_by("id")[:size])
    suspects = waiting.filter(tries__gt=0, judged_until__lte=now).order_by("tries", "id")
    taken = new or list(suspects[:1])
    ReplayItem.objects.filter(pk__in=[item.pk for item in taken]).update(
        tries=F("tries") + 1, judged_until=now + LONGEST
    )
    return [item.subject_id for item in taken]


def judge(replay: Replay, message_ids: Sequence[uuid.UUID]) -> Decisions:
    """Of what was taken. Raises EndsProcesses, DatabaseError."""
    taken = ReplayItem.objects.filter(replay=replay, subject_id__in=message_ids)
    if taken.filter(tries__gt=MAX_UNFINISHED).exists():
        raise EndsProcesses
    try:
        return verdicts.decide(unrouted.read_routed(message_ids))
    finally:
        taken.update(tries=0, judged_until=None)
