"""From a stored message to one delivery for each recipient, always, whatever the verdict.

Routing may be asked twice for the same message, by a task and by the sweep: the row's lock and
`route_due_at` decide who does it.
"""

import logging
import uuid
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone

from delivery import endpoints, lanes, unrouted
from delivery.models import Delivery, Message, Recipient
from delivery.unrouted import Unrouted
from delivery.verdicts import Verdicts
from fastsmtp import maillog
from fastsmtp.bulk import Insert, Select, placeholders, to_database
from fastsmtp.crash import crash_point
from fastsmtp.ids import uuid7
from rules.facts import Action, Verdict

log = logging.getLogger(__name__)

Status = Delivery.Status

MAX_TRIES = 5
RETRY_DELAY = timedelta(seconds=5)  # doubled after every try
MAX_REASON_LENGTH = 255

_insert = Insert(
    Delivery,
    "id",
    "message_id",
    "domain_id",
    "recipient_id",
    "endpoint_id",
    "recipient_address",
    "webhook_url",
    "status",
    "reason",
    "tags",
    "preserve_raw",
    "due_at",
    "created_at",
    "updated_at",
)

_STATUS = {
    Action.FORWARD: Status.PENDING,
    Action.DROP: Status.DROPPED,
    Action.QUARANTINE: Status.QUARANTINED,
}


_key = to_database(Recipient._meta.pk)
_select_urls = Select(
    "SELECT {} FROM recipients WHERE id IN ({ids})", (Recipient, "id"), (Recipient, "webhook_url")
)


class _EndpointsGone(Exception):
    """An endpoint was deleted since we learned its id; nothing has been written."""


def route(message_ids: Sequence[uuid.UUID]) -> set[uuid.UUID]:
    """Routes those that are not routed yet; returns the endpoints that got something to do.

    Raises OperationalError when the database is away. A message that cannot be routed does not
    hold up the others: it is tried again later, and quarantined after `MAX_TRIES`.
    """
    try:
        try:
            return _route(message_ids)
        except _EndpointsGone:
            return _route(message_ids)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        if len(message_ids) == 1:
            log.exception("message %s cannot be routed", message_ids[0])
            _defer(message_ids[0])
            return set()
    return set().union(*(route([message_id]) for message_id in message_ids))


def _route(message_ids: Sequence[uuid.UUID]) -> set[uuid.UUID]:
    if not message_ids:
        return set()
    now = timezone.now()
    with transaction.atomic():
        messages = unrouted.lock(message_ids)
        rows = list(_rows(messages, now))
        _insert.execute(rows)
        unrouted.mark_routed(messages)
        due = {row["endpoint_id"] for row in rows if row["due_at"] is not None}
        gone = due - lanes.wake(due, at=now)
        if gone:
            endpoints.forget(gone)
            raise _EndpointsGone
    crash_point("after_route")
    _log(rows)
    return due


def _rows(messages: Sequence[Unrouted], now: datetime) -> Iterator[dict[str, Any]]:
    """One delivery for each recipient of each message."""
    ids = {uuid.UUID(recipient_id) for message in messages for _, recipient_id in message.rcpt_to}
    urls = _recipient_urls(ids)
    verdicts = Verdicts(messages)
    for message in messages:
        for address, recipient_id in message.rcpt_to:
            verdict = verdicts.decide(message, address)
            url = urls.get(uuid.UUID(recipient_id))
            yield _row(message, address, uuid.UUID(recipient_id), verdict, url, now)


def _recipient_urls(ids: Collection[uuid.UUID]) -> dict[uuid.UUID, str]:
    keys = [_key(recipient_id) for recipient_id in ids]
    return {row[0]: row[1] for row in _select_urls.rows(keys, ids=placeholders(keys))}


def _row(
    message: Unrouted,
    address: str,
    recipient_id: uuid.UUID,
    verdict: Verdict,
    recipient_url: str | None,
    now: datetime,
) -> dict[str, Any]:
    status, reason = _STATUS[verdict.action], verdict.reason[:MAX_REASON_LENGTH]
    url = verdict.webhook_url_override or recipient_url
    if recipient_url is None or url is None:
        status, reason, url = Status.CANCELLED, "the recipient was deleted", None
    return {
        "id": uuid7(),
        "message_id": message.id,
        "domain_id": message.domain_id,
        "recipient_id": recipient_id,
        "endpoint_id": endpoints.id_of(message.domain_id, url) if url else None,
        "recipient_address": address,
        "webhook_url": url or "",
        "status": status.value,
        "reason": reason,
        "tags": list(verdict.tags),
        "preserve_raw": verdict.preserve_raw,
        "due_at": now if status is Status.PENDING else None,
        "created_at": now,
        "updated_at": now,
    }


def _log(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        if row["status"] != Status.PENDING:
            maillog.decided(
                message_id=row["message_id"],
                recipient=row["recipient_address"],
                status=row["status"],
                reason=row["reason"],
            )


def _defer(message_id: uuid.UUID) -> None:
    """Not now: later, or for people to look at."""
    with transaction.atomic():
        for message in unrouted.lock([message_id]):
            tries = message.route_tries + 1
            again_at: datetime | None = timezone.now() + RETRY_DELAY * 2 ** (tries - 1)
            if tries >= MAX_TRIES:
                again_at = None
                Delivery.objects.create(
                    message_id=message.id,
                    domain_id=message.domain_id,
                    recipient_address=unrouted.first_address(message.rcpt_to),
                    status=Status.QUARANTINED,
                    reason="routing_error",
                )
            Message.objects.filter(id=message.id).update(route_due_at=again_at, route_tries=tries)
