"""One call of a webhook: body and headers out, an Outcome back. Never raises."""

import asyncio
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from django.utils import timezone

from delivery.body import Body
from delivery.jobs import Job
from delivery.outcome import Outcome
from delivery.payload import EVENT
from delivery.schedule import Kind, kind_of_status
from delivery.signing import sign
from fastsmtp import __version__
from fastsmtp.http import AddressNotAllowed, Answer, Unreachable
from fastsmtp.http.door import Door

LARGE = 256 * 1024  # bytes of a body that is hashed and signed in a thread
# n8n's filter of bots refuses a bare `FastSMTP/1.0`.
USER_AGENT = f"FastSMTP/{__version__} (webhook)"


async def send(door: Door, job: Job, body: Body, *, limit: timedelta) -> Outcome:
    started_at = timezone.now()
    if len(body.content) > LARGE:
        payload_hash, headers = await asyncio.to_thread(_seal, job, body, started_at)
    else:
        payload_hash, headers = _seal(job, body, started_at)
    facts: dict[str, Any] = {}
    try:
        answer = await door.post(
            job.target.url, body=body.content, headers=headers, timeout=limit.total_seconds()
        )
    except AddressNotAllowed as error:
        facts = {"kind": Kind.NOT_ALLOWED, "error": str(error)}
    except Unreachable as error:
        facts = {"kind": Kind.FAST, "error": str(error), "was_reset": error.kind == "reset"}
    else:
        facts = _judge(answer)
    return Outcome(
        job=job,
        started_at=started_at,
        finished_at=timezone.now(),
        payload_hash=payload_hash,
        body_size=len(body.content),
        **facts,
    )


def _seal(job: Job, body: Body, now: datetime) -> tuple[str, dict[str, str]]:
    """Hash and headers, with the signature: about 6 ms a megabyte."""
    return hashlib.sha256(body.content).hexdigest(), _headers(job, body, now)


def _judge(answer: Answer) -> dict[str, Any]:
    kind = kind_of_status(answer.status)
    return {
        "kind": kind,
        "status_code": answer.status,
        "error": "" if kind is Kind.DELIVERED else f"the receiver answered {answer.status}",
        "retry_after": retry_after(answer.headers) if kind is Kind.THROTTLED else None,
        "response_excerpt": answer.excerpt.decode("utf-8", "replace").replace("\0", "\ufffd"),
        "resolved_ip": answer.address or "",
    }


def _headers(job: Job, body: Body, now: datetime) -> dict[str, str]:
    delivery_id = str(job.delivery_id)
    timestamp = int(now.timestamp())

    def signature(content: bytes) -> str:
        return sign(
            secret=job.target.secret, webhook_id=delivery_id, timestamp=timestamp, body=content
        )

    ours = {
        "content-type": body.content_type,
        "user-agent": USER_AGENT,
        "webhook-id": delivery_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(body.content),
        "x-idempotency-key": delivery_id,
        "fastsmtp-attempt": str(job.attempts),
        "fastsmtp-event": EVENT,
        "fastsmtp-message": str(job.message_id),
        **body.headers,
    }
    if body.form_payload is not None:
        ours["fastsmtp-payload-signature"] = signature(body.form_payload)
    # A rule's override never gets what the recipient's own URL is trusted with.
    if job.recipient_headers and job.recipient_url == job.target.url:
        return {**job.recipient_headers, **ours}
    return ours


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
