"""Mail from long ago, and what a cleanup makes of it."""

from collections import Counter
from datetime import timedelta
from typing import Any

from django.db.models import Model
from django.utils import timezone

from accounts.models import Domain
from delivery.events.incidents import key_of
from delivery.events.kinds import EventType
from delivery.models import (
    Attempt,
    Delivery,
    Endpoint,
    EventNote,
    EventSending,
    Incident,
    Message,
    OperationalEvent,
    RawChunk,
    RawMessage,
    Recipient,
    Replay,
    ReplayItem,
    StoredObject,
    Upload,
)
from delivery.models.stored_object import hash_key
from delivery.replay.selection import Selection
from delivery.retention.ages import Ages
from delivery.retention.cleanup import clean_up
from delivery.tests.bucket_server import BUCKET
from delivery.tests.records import RAW, create_attempt, create_delivery, create_message
from fastsmtp.ids import uuid7

Status = Delivery.Status

# Each age differs from the others, so that a test shows which one counts.
AGES = Ages(messages=30, raw=7, log=14, held=40, quarantined=90)
TABLES: tuple[type[Model], ...] = (
    Message,
    RawMessage,
    RawChunk,
    Delivery,
    Attempt,
    StoredObject,
    Upload,
    Replay,
    ReplayItem,
    OperationalEvent,
    EventSending,
    EventNote,
    Incident,
)


def add_old_message(domain: Domain, *, days: float, raw: bytes = RAW, **fields: Any) -> Message:
    """Received so long ago, and routed."""
    at = timezone.now() - timedelta(days=days)
    message = create_message(domain, raw=raw, received_at=at, **fields)
    RawMessage.objects.filter(messages=message).update(created_at=at)
    return message


def add_old(
    recipient: Recipient,
    endpoint: Endpoint,
    *,
    days: float,
    status: Status = Status.DELIVERED,
    raw: bytes = RAW,
    **fields: Any,
) -> Delivery:
    """So old, and nothing has happened to it since."""
    at = timezone.now() - timedelta(days=days)
    message = add_old_message(recipient.domain, days=days, raw=raw)
    values = {"created_at": at, "updated_at": at, **fields}
    delivery = create_delivery(message, recipient, endpoint, status=status, **values)
    create_attempt(delivery, started_at=at)
    return delivery


def add_object(message: Message, *, number: int = 1, is_stored: bool = True) -> StoredObject:
    """Its row, as old as the message. 0 is the archived raw message."""
    key = f"{'attachments' if number else 'raw'}/{message.id}-{number}"
    return StoredObject.objects.create(
        message=message,
        number=number,
        size=1,
        sha256="0" * 64,
        bucket=BUCKET,
        key=key,
        key_hash=hash_key(bucket=BUCKET, key=key),
        stored_at=message.received_at if is_stored else None,
    )


def add_old_replay(
    domain: Domain, *, days: float, items: int = 1, state: str = Replay.State.FINISHED
) -> Replay:
    """Ended so long ago; what it was about is gone."""
    at = timezone.now() - timedelta(days=days)
    replay = Replay.objects.create(
        domain=domain, filter=Selection().as_json(), state=state, created_at=at, finished_at=at
    )
    for _ in range(items):
        ReplayItem.objects.create(
            replay=replay, subject_id=uuid7(), endpoint_id=uuid7(), is_queued=True
        )
    return replay


def add_old_event(domain: Domain, *, days: float) -> OperationalEvent:
    """Told so long ago, with a note of the same age that nobody understood, and an incident of an
    endpoint that is gone."""
    at = timezone.now() - timedelta(days=days)
    event = OperationalEvent.objects.create(
        type=EventType.PAUSED, domain=domain, payload={"summary": "x"}, created_at=at
    )
    EventSending.objects.create(event=event, channel=EventSending.Channel.WEBHOOK, sent_at=at)
    EventNote.objects.create(type="something.new", domain_id=domain.id, at=at)
    gone = uuid7()
    Incident.objects.create(
        key=key_of(EventType.PAUSED, gone), type=EventType.PAUSED, domain=domain, endpoint_id=gone
    )
    return event


def clean(ages: Ages = AGES) -> Counter[str]:
    """What was deleted, by kind; nothing that was not."""
    return +clean_up(ages).counts


def count_rows() -> dict[str, int]:
    return {table.__name__: table._default_manager.count() for table in TABLES}
