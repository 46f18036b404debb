"""Messages that wait for routing: what it reads of them, and the lock under which it writes."""

import uuid
from collections.abc import Sequence
from typing import NamedTuple

from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from delivery.models import Message
from fastsmtp.bulk import Select, placeholders, to_database


class Unrouted(NamedTuple):
    """The columns of a message that routing reads."""

    id: uuid.UUID
    domain_id: uuid.UUID
    rcpt_to: list[list[str]]  # address, recipient id
    mail_from: str
    from_address: str
    internet_message_id: str
    subject: str
    size: int
    client_ip: str
    dkim_result: str
    dkim_domain: str | None
    spf_result: str
    spf_domain: str | None
    refusal: str
    route_tries: int


_key = to_database(Message._meta.pk)
_select = Select(
    """SELECT {} FROM messages
    WHERE id IN ({ids}) AND {condition} ORDER BY id {lock}""",
    *((Message, name) for name in Unrouted._fields),
)


_UNROUTED = "route_due_at IS NOT NULL"
_ROUTED = "route_due_at IS NULL AND raw_id IS NOT NULL"


def read(message_ids: Sequence[uuid.UUID]) -> list[Unrouted]:
    """Those that nobody has routed; somebody may be about to."""
    return _read(message_ids, _UNROUTED)


def lock(message_ids: Sequence[uuid.UUID]) -> list[Unrouted]:
    """Those that nobody else has routed or is routing; they stay locked until the commit."""
    return _read(message_ids, _UNROUTED, "FOR UPDATE SKIP LOCKED")


def read_routed(message_ids: Sequence[uuid.UUID]) -> list[Unrouted]:
    """Those that were routed, and whose bytes are still there."""
    return _read(message_ids, _ROUTED)


def lock_routed(message_ids: Sequence[uuid.UUID]) -> list[Unrouted]:
    """They stay locked until the commit."""
    return _read(message_ids, _ROUTED, "FOR UPDATE")


def _read(message_ids: Sequence[uuid.UUID], condition: str, lock: str = "") -> list[Unrouted]:
    can_lock = connection.features.has_select_for_update
    ids = [_key(message_id) for message_id in message_ids]
    parts = {"ids": placeholders(ids), "condition": condition, "lock": lock if can_lock else ""}
    return [Unrouted(*row) for row in _select.rows(ids, **parts)]


def mark_routed(messages: Sequence[Unrouted]) -> None:
    ids = [_key(message.id) for message in messages]
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE messages SET route_due_at = NULL WHERE id IN ({placeholders(ids)})", ids
        )


def overdue() -> QuerySet[Message]:
    """Messages that no task has routed in time."""
    return Message.objects.filter(route_due_at__lte=timezone.now())


def first_address(rcpt_to: object) -> str:
    """Empty where there is none: its shape may be just what was wrong with the message."""
    match rcpt_to:
        case [[str(address), *_], *_]:
            return address[:320]
    return ""
