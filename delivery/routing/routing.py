"""From a stored message to one delivery for each recipient, always, whatever the verdict.

Routing may be asked twice for the same message, by a task and by the sweep: the row's lock and
`route_due_at` decide who writes. Rules are asked before: a large mail takes its time, and on SQLite
nobody else can write meanwhile.
"""

import logging
import uuid
from collections.abc import Sequence

from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone

from delivery.routing import delivery_rows, endpoints, unrouted, verdicts
from delivery.routing.endpoints import EndpointsGone
from fastsmtp.crash import crash_point

log = logging.getLogger(__name__)

MAX_TRIES = 5  # counted by the sweep


def route(message_ids: Sequence[uuid.UUID]) -> set[uuid.UUID]:
    """Routes those that are not routed yet; returns the endpoints that got something to do.

    Raises OperationalError when the database is away. A message that cannot be routed does not
    hold up the others: the sweep tries it again, and after `MAX_TRIES` it is quarantined.
    """
    try:
        try:
            return _route(message_ids)
        except EndpointsGone:
            return _route(message_ids)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        if len(message_ids) == 1:
            log.exception("message %s cannot be routed", message_ids[0])
            give_up(message_ids[0], after=MAX_TRIES)
            return set()
    return set().union(*(route([message_id]) for message_id in message_ids))


def _route(message_ids: Sequence[uuid.UUID]) -> set[uuid.UUID]:
    if not message_ids:
        return set()
    decisions = verdicts.decide(unrouted.read(message_ids))
    now = timezone.now()
    with transaction.atomic():
        # One that was committed only now was not judged; the sweep finds it.
        messages = [message for message in unrouted.lock(message_ids) if message.id in decisions]
        rows = delivery_rows.make(messages, decisions, now)
        delivery_rows.store(messages, rows)
        unrouted.mark_routed(messages)
        due = {row["endpoint_id"] for row in rows if row["due_at"] is not None}
        endpoints.wake(due, at=now)
    crash_point("after_route")
    delivery_rows.log(rows, decisions)
    return due


def give_up(message_id: uuid.UUID, *, after: int) -> None:
    """For people to look at, if it has been tried so often."""
    with transaction.atomic():
        for message in unrouted.lock([message_id]):
            if message.route_tries >= after:
                row = delivery_rows.make_undecided(message, timezone.now())
                delivery_rows.store([message], [row])
                unrouted.mark_routed([message])
