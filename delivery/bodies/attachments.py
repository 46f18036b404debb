"""Attachments in the body of a call: content, an object in a bucket, or a link. The bytes stay
reachable whatever happens."""

from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from delivery.bodies.kept import Kept
from delivery.bodies.links import make_link
from delivery.jobs import Job
from fastsmtp.config import config
from fastsmtp.mail.attachment import Attachment


@dataclass(frozen=True, slots=True)
class Placed:
    """An attachment, what is told of it, and whether its bytes travel with the call."""

    attachment: Attachment
    facts: dict[str, Any]
    is_carried: bool

    def with_content(self) -> dict[str, Any]:
        if not self.is_carried:
            return self.facts
        # Serialised already: for a string orjson would reserve eight times its length.
        content = orjson.Fragment(b'"%b"' % b64encode(self.attachment.content))
        return {**self.facts, "content": content}


def place(
    job: Job, attachments: Sequence[Attachment], kept: Kept, *, has_room: bool
) -> Iterator[Placed]:
    """Contents as far as the limits allow, none without room; what is left out says why."""
    room = config().webhook_max_inline_payload_size if has_room else 0
    for attachment in attachments:
        facts = _describe(attachment)
        if attachment.index in kept.attachments:
            yield Placed(attachment, facts | _locate(job, attachment, kept), is_carried=False)
        elif reason := _reason_to_omit(attachment, room):
            facts["omitted_reason"] = "storage_failed" if kept.is_wanted else reason
            yield Placed(attachment, facts | _locate(job, attachment, kept), is_carried=False)
        else:
            room -= attachment.size
            if kept.is_wanted:
                facts["storage_fallback"] = True
            yield Placed(attachment, facts, is_carried=True)


def link(job: Job, attachments: Sequence[Attachment], kept: Kept) -> list[dict[str, Any]]:
    """All by reference."""
    return [_describe(attachment) | _locate(job, attachment, kept) for attachment in attachments]


def _locate(job: Job, attachment: Attachment, kept: Kept) -> dict[str, Any]:
    if row := kept.attachments.get(attachment.index):
        return kept.describe(row)
    return {"download_url": make_link(job.delivery_id, attachment.index)}


def _reason_to_omit(attachment: Attachment, room: int) -> str | None:
    if attachment.size > config().webhook_max_inline_attachment_size:
        return "too_large"
    return "payload_limit" if attachment.size > room else None


def _describe(attachment: Attachment) -> dict[str, Any]:
    return {
        "filename": attachment.filename,
        "content_type": attachment.content_type,
        "size": attachment.size,
        "index": attachment.index,
        "disposition": attachment.disposition,
        "content_id": attachment.content_id,
        "inline": attachment.inline,
        "sha256": attachment.sha256,
        "charset": attachment.charset,
    }
