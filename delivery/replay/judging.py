"""Rules that are asked again. What they are asked about is counted before: a process that ends
meanwhile leaves no other trace. One that was counted, and nothing more was heard of it, comes last
and alone; so in the end only the message that processes end of is given up."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import batched

from django.db.models import F, QuerySet
from django.utils import timezone

from delivery.models import Replay, ReplayItem
from delivery.routing import unrouted, verdicts
from delivery.routing.verdicts import Decision, Decisions

MAX_UNFINISHED = 3
AT_ONCE = 16  # messages
LONGEST = timedelta(minutes=2)  # much more than judging so many takes; then its process has ended


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
        decisions: dict[uuid.UUID, Mapping[str, Decision]] = {}
        for part in batched(message_ids, AT_ONCE):
            taken.update(judged_until=timezone.now() + LONGEST)
            decisions |= verdicts.decide(unrouted.read_routed(part))
        return decisions
    finally:
        taken.update(tries=0, judged_until=None)
