"""What becomes of messages: the rows of their deliveries, one for each recipient."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from delivery.events.notes import note_quarantined
from delivery.models import Delivery, Recipient
from delivery.objects import archives
from delivery.routing import endpoints
from delivery.routing.unrouted import Unrouted, first_address
from delivery.routing.verdicts import Decisions
from fastsmtp import maillog
from fastsmtp.bulk import Insert, Select, placeholders, to_database
from fastsmtp.ids import uuid7
from rules.facts import Action, Verdict

Status = Delivery.Status

MAX_REASON_LENGTH = 255
ROUTING_ERROR = "routing_error"
FIRST: Mapping[uuid.UUID, int] = {}

_insert = Insert(
    Delivery,
    "id",
    "message_id",
    "domain_id",
    "recipient_id",
    "endpoint_id",
    "recipient_address",
    "generation",
    "webhook_url",
    "is_overridden",
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


def make(
    messages: Sequence[Unrouted],
    decisions: Decisions,
    now: datetime,
    *,
    generations: Mapping[uuid.UUID, int] = FIRST,
) -> list[dict[str, Any]]:
    """One delivery for each recipient of each message, of the message's generation. A missing
    endpoint is made: inside a transaction."""
    ids = {uuid.UUID(recipient_id) for message in messages for _, recipient_id in message.rcpt_to}
    urls = _recipient_urls(ids)
    return [
        _row(
            message,
            address,
            uuid.UUID(recipient_id),
            decisions[message.id][address].verdict,
            urls.get(uuid.UUID(recipient_id)),
            now,
            generation=generations.get(message.id, 0),
        )
        for message in messages
        for address, recipient_id in message.rcpt_to
    ]


def make_undecided(message: Unrouted, now: datetime) -> dict[str, Any]:
    """For people to look at: nobody could tell what becomes of the message."""
    return {
        "id": uuid7(),
        "message_id": message.id,
        "domain_id": message.domain_id,
        "recipient_id": None,
        "endpoint_id": None,
        "recipient_address": first_address(message.rcpt_to),
        "generation": 0,
        "webhook_url": "",
        "is_overridden": False,
        "status": Status.QUARANTINED.value,
        "reason": ROUTING_ERROR,
        "tags": [],
        "preserve_raw": False,
        "due_at": None,
        "created_at": now,
        "updated_at": now,
    }


def store(messages: Sequence[Unrouted], rows: Sequence[dict[str, Any]]) -> None:
    """The only place where deliveries are made: with what the archive is owed for them, and with
    what people have to know."""
    _insert.execute(rows)
    archives.owe(rows)
    note_quarantined(messages, rows)


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
    *,
    generation: int,
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
        "generation": generation,
        "webhook_url": url or "",
        "is_overridden": bool(verdict.webhook_url_override),
        "status": status.value,
        "reason": reason,
        "tags": list(verdict.tags),
        "preserve_raw": verdict.preserve_raw,
        "due_at": now if status is Status.PENDING else None,
        "created_at": now,
        "updated_at": now,
    }


def log(rows: list[dict[str, Any]], decisions: Decisions) -> None:
    for row in rows:
        for step in decisions[row["message_id"]][row["recipient_address"]].failed:
            maillog.rule_failed(
                message_id=row["message_id"],
                recipient=row["recipient_address"],
                rule=step.rule.name,
                error=step.error,
            )
        if row["status"] != Status.PENDING:
            maillog.decided(
                message_id=row["message_id"],
                recipient=row["recipient_address"],
                status=row["status"],
                reason=row["reason"],
            )
