"""Mail as ingest hands it over."""

import uuid
from collections.abc import Sequence
from typing import Any

from delivery.intake.queue import accept, store_large
from delivery.intake.recipients import FoundRecipient
from delivery.intake.submission import Submission
from delivery.models import Message, Recipient
from delivery.tests.records import RAW


def found(recipient: Recipient, *, address: str = "") -> FoundRecipient:
    return FoundRecipient(
        address=address or recipient.address,
        recipient_id=recipient.id,
        domain_id=recipient.domain_id,
    )


def submit(*recipients: Recipient | FoundRecipient, raw: bytes = RAW, **fields: Any) -> Submission:
    values = {"mail_from": "ada@example.org", "helo": "mx.example.org", "client_ip": "192.0.2.1"}
    return Submission.create(
        raw=raw,
        recipients=[r if isinstance(r, FoundRecipient) else found(r) for r in recipients],
        **{**values, **fields},
    )


def receive(*recipients: Recipient | FoundRecipient, raw: bytes = RAW) -> Message:
    """A stored message that waits to be routed."""
    submission = submit(*recipients, raw=raw)
    if submission.is_large:
        store_large(submission)
    accept([submission])
    return Message.objects.get(id=submission.id)


def ids_of(messages: Sequence[Message]) -> list[uuid.UUID]:
    return [message.id for message in messages]
