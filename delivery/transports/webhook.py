"""One call of a webhook: body and headers out, an Outcome back. Never raises."""

import asyncio
import hashlib
import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from django.utils import timezone

from delivery.bodies.body import Body
from delivery.bodies.signing import sign_with_all
from delivery.jobs import Job
from delivery.lanes.answers import Kind, kind_of_status
from delivery.models.endpoint import LOST_SECRET
from delivery.models.recipient import LOST_HEADERS
from delivery.outcome import Outcome, without_call
from fastsmtp import __version__
from fastsmtp.http import AddressNotAllowed, Answer, Unreachable
from fastsmtp.http.door import KEPT_LIMIT, Door
from fastsmtp.masking import mask_in
from fastsmtp.orm import UNREADABLE

log = logging.getLogger(__name__)

LARGE = 256 * 1024  # bytes of a body that is hashed and signed in a thread
# n8n's filter of bots refuses a bare `FastSMTP/1.0`.
USER_AGENT = f"FastSMTP/{__version__} (webhook)"


async def send(door: Door, job: Job, body: Body, *, limit: timedelta) -> Outcome:
    if lost := _lost(job):
        return without_call(job, Kind.BROKEN, lost)
    started_at = timezone.now()
    if len(body.content) > LARGE:
        payload_hash, headers = await asyncio.to_thread(_seal, job, body, started_at)
    else:
        payload_hash, headers = _seal(job, body, started_at)
    facts: dict[str, Any]
    try:
        answer = await door.post(
            job.target.url, body=body.content, headers=headers, timeout=limit.total_seconds()
        )
    except AddressNotAllowed as error:
        facts = {"kind": Kind.NOT_ALLOWED, "error": str(error)}
    except Unreachable as error:
        facts = {"kind": Kind.FAST, "error": str(error), "was_reset": error.kind == "reset"}
    else:
        facts = _judge(answer, job)
    return Outcome(
        job=job,
        started_at=started_at,
        finished_at=timezone.now(),
        payload_hash=payload_hash,
        body_size=len(body.content),
        **facts,
    )


def _lost(job: Job) -> str:
    """What no key opens of that which the call needs, as a sentence."""
    if job.target.secret is UNREADABLE:
        return LOST_SECRET
    return LOST_HEADERS if _trusted_headers(job) is UNREADABLE else ""


def _seal(job: Job, body: Body, now: datetime) -> tuple[str, dict[str, str]]:
    """Hash and headers, with the signature: about 6 ms a megabyte, twice in a rotation."""
    return hashlib.sha256(body.content).hexdigest(), _headers(job, body, now)


def _judge(answer: Answer, job: Job) -> dict[str, Any]:
    kind = kind_of_status(answer.status)
    return {
        "kind": kind,
        "status_code": answer.status,
        "error": "" if kind is Kind.DELIVERED else f"the receiver answered {answer.status}",
        "retry_after": retry_after(answer.headers) if kind is Kind.THROTTLED else None,
        "response_excerpt": _excerpt(answer, job),
        "resolved_ip": answer.address or "",
    }


def _excerpt(answer: Answer, job: Job) -> str:
    """What the receiver said, to be shown. Failing here must not undo what it has taken: the mail
    would be sent again and again."""
    try:
        text = answer.excerpt.decode("utf-8", "replace").replace("\0", "\ufffd")
        # Some receivers repeat the headers that they got.
        is_cut = len(answer.excerpt) >= KEPT_LIMIT
        return mask_in(text, _trusted_headers(job).values(), is_cut=is_cut)
    except Exception:
        log.exception("the answer to delivery %s cannot be shown", job.delivery_id)
        return ""


def _headers(job: Job, body: Body, now: datetime) -> dict[str, str]:
    delivery_id = str(job.delivery_id)
    timestamp = int(now.timestamp())

    def signature(content: bytes) -> str:
        secrets = job.target.secrets(now)
        return sign_with_all(secrets, webhook_id=delivery_id, timestamp=timestamp, body=content)

    ours = {
        **call_headers(
            webhook_id=delivery_id,
            timestamp=timestamp,
            signature=signature(body.content),
            attempt=job.attempts,
            event=job.event,
        ),
        "content-type": body.content_type,
        "fastsmtp-message": str(job.message_id),
        **body.headers,
    }
    if job.replays:
        ours["fastsmtp-replay"] = str(job.replays)
    if body.form_payload is not None:
        ours["fastsmtp-payload-signature"] = signature(body.form_payload)
    return {**_trusted_headers(job), **ours}


def _trusted_headers(job: Job) -> Mapping[str, str]:
    """The recipient's, for its own URL; a rule's override never gets them."""
    if job.recipient_headers and job.recipient_url == job.target.url:
        return job.recipient_headers
    return {}


def call_headers(
    *, webhook_id: str, timestamp: int, signature: str, attempt: int, event: str
) -> dict[str, str]:
    """What every call of ours has, whatever it is about."""
    return {
        "user-agent": USER_AGENT,
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature,
        "x-idempotency-key": webhook_id,
        "fastsmtp-attempt": str(attempt),
        "fastsmtp-event": event,
    }


def retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """RFC 9110 §10.2.3: seconds or a date; None when absent or unreadable."""
    value = headers.get("retry-after", "").strip()
    if value.isdecimal():
        return timedelta(seconds=min(int(value[:10]), 10**9))
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(at - timezone.now(), timedelta(0))
