"""Messages that wait for routing: what it reads of them, and the lock under which it works."""

import uuid
from collections.abc import Sequence
from typing import NamedTuple

from django.db import connection
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
    WHERE id IN ({ids}) AND route_due_at IS NOT NULL ORDER BY id {lock}""",
    *((Message, name) for name in Unrouted._fields),
)


def lock(message_ids: Sequence[uuid.UUID]) -> list[Unrouted]:
    """Those that nobody else has routed or is routing; they stay locked until the commit."""
    clause = "FOR UPDATE SKIP LOCKED" if connection.features.has_select_for_update else ""
    ids = [_key(message_id) for message_id in message_ids]
    rows = _select.rows(ids, ids=placeholders(ids), lock=clause)
    return [Unrouted(*row) for row in rows]


def mark_routed(messages: Sequence[Unrouted]) -> None:
    ids = [_key(message.id) for message in messages]
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE messages SET route_due_at = NULL WHERE id IN ({placeholders(ids)})", ids
        )


def overdue(limit: int) -> list[uuid.UUID]:
    """Messages that no task has routed in time, oldest first."""
    return list(
        Message.objects.filter(route_due_at__lte=timezone.now())
        .order_by("route_due_at")
        .values_list("id", flat=True)[:limit]
    )


def first_address(rcpt_to: object) -> str:
    """Empty where there is none: its shape may be just what was wrong with the message."""
    match rcpt_to:
        case [[str(address), *_], *_]:
            return address[:320]
    return ""
