"""The payload of a delivery as it would be sent now; nothing is sent or stored."""

import uuid
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import orjson
from django.utils import timezone

from delivery import jobs
from delivery.bodies.body import build
from delivery.bodies.kept import Kept
from delivery.jobs import Job
from delivery.lanes.answers import OVERSIZE_FAILURES
from delivery.models import Delivery, Endpoint, StoredObject
from delivery.objects.bucket import Bucket
from fastsmtp.config import config

LARGE = 1024 * 1024  # bytes of a message whose contents are shown as links


@dataclass(frozen=True, kw_only=True, slots=True)
class Preview:
    """`sent_as` is the media type of the call. A form carries the payload as a field; a call with
    the message itself carries no payload, and what is shown are the facts of the `thin` mode."""

    payload: Any
    sent_as: str


def preview(delivery: Delivery) -> Preview | None:
    """None once the bytes of its message, or its endpoint, are deleted; and of a suspect, which
    would do to us what it did to a worker. What the bucket has is shown as links to it; what would
    be put there first, inline, unless it is of a large message."""
    if delivery.lost_claims:
        return None
    job = _load(delivery)
    if job is None:
        return None
    raw = job.raw if job.raw is not None else jobs.load_raw(job.message_id)
    if raw is None:
        return None
    if len(raw) > LARGE and job.target.mode != Endpoint.Mode.RAW:
        job = replace(job, oversize_failures=OVERSIZE_FAILURES)
    kept = _find_kept(job.message_id)
    body = build(job, raw, kept=kept)
    sent_as = body.content_type.partition(";")[0]
    if sent_as == "message/rfc822":
        target = replace(job.target, mode=Endpoint.Mode.THIN)
        body = build(replace(job, target=target), raw, kept=kept)
    return Preview(payload=orjson.loads(body.form_payload or body.content), sent_as=sent_as)


def _load(delivery: Delivery) -> Job | None:
    if delivery.endpoint_id is None:
        return None
    targets = jobs.targets([delivery.endpoint_id])
    if not targets:
        return None
    nobody = uuid.UUID(int=0)
    ends = {delivery.id: timezone.now()}
    try:
        return next(iter(jobs.load([delivery.id], targets, nobody, ends)), None)
    except KeyError:  # it has just moved to another endpoint
        return None


def _find_kept(message_id: uuid.UUID) -> Kept:
    """What is in the bucket already."""
    bucket = config().s3_bucket
    if not bucket:
        return Kept()
    rows = StoredObject.objects.filter(message_id=message_id, bucket=bucket)
    by_number = {row.number: row for row in rows.filter(stored_at__isnull=False)}
    raw = by_number.pop(StoredObject.RAW, None)
    attachments = {number - 1: row for number, row in by_number.items()}
    return Kept(links=_bucket(), attachments=attachments, raw=raw)


@cache
def _bucket() -> Bucket:
    """Nobody is asked for a link: its signature is made here."""
    return Bucket(config(), connections=1)
