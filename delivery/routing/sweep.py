"""Routing of the messages that no task has routed in time.

A try is counted before the rules are asked: a process that ends meanwhile leaves no other trace.
Messages that are new here go together, as many as are judged in a few seconds. What has been tried
before may be what the process ended of, so it goes alone, and from then on its own count grows and
nobody else's.
"""

import logging
import uuid
from collections.abc import Sequence
from datetime import timedelta
from itertools import accumulate

from django.db import transaction
from django.utils import timezone

from delivery.models import Message
from delivery.routing import routing, unrouted

log = logging.getLogger(__name__)

# Tries that came to no end. More than those that end with an error: a process may end, or the
# database go away, for a reason that is not the message's.
MAX_UNFINISHED = 10
FIRST_WAIT = timedelta(seconds=10)  # doubled with every try
LONGEST_WAIT = timedelta(minutes=15)
AT_ONCE = 32 * 1024 * 1024  # bytes of mail: rules search them in much less than FIRST_WAIT


def sweep(message_ids: Sequence[uuid.UUID]) -> set[uuid.UUID]:
    """Routes those that are overdue and that nobody else sweeps; returns the endpoints that got
    something to do. Raises OperationalError when the database is away."""
    if not message_ids:
        return set()
    due: set[uuid.UUID] = set()
    while new := _take(message_ids, tries=0):
        due |= routing.route(new)
    for message_id, tries in _tried_before(message_ids):
        if tries < MAX_UNFINISHED:
            due |= routing.route(_take([message_id], tries=tries))
        else:
            log.error("message %s: no process has lived through routing it", message_id)
            routing.give_up(message_id, after=MAX_UNFINISHED)
    return due


def _take(message_ids: Sequence[uuid.UUID], *, tries: int) -> list[uuid.UUID]:
    """Of those of so many tries as many as are routed before they are due again. They are counted,
    and nobody else's until then."""
    now = timezone.now()
    overdue = unrouted.overdue().filter(id__in=message_ids, route_tries=tries)
    with transaction.atomic():
        free = list(overdue.select_for_update(skip_locked=True).values_list("id", "size"))
        ends = accumulate(size for _, size in free)
        taken = [id for (id, size), end in zip(free, ends, strict=True) if end - size < AT_ONCE]
        Message.objects.filter(id__in=taken).update(
            route_tries=tries + 1, route_due_at=now + min(FIRST_WAIT * 2**tries, LONGEST_WAIT)
        )
    return taken


def _tried_before(message_ids: Sequence[uuid.UUID]) -> list[tuple[uuid.UUID, int]]:
    """With their tries; the least suspect first."""
    suspects = unrouted.overdue().filter(id__in=message_ids, route_tries__gt=0)
    return list(suspects.order_by("route_tries", "id").values_list("id", "route_tries"))
