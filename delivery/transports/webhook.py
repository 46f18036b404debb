"""One call of a webhook: body and headers out, an Outcome back. Never raises."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from django.utils import timezone

from delivery.jobs import Job
from delivery.outcome import Outcome
from delivery.payload import EVENT
from delivery.schedule import Kind, kind_of_status
from delivery.signing import sign
from fastsmtp import __version__
from fastsmtp.http import AddressNotAllowed, Answer, Unreachable
from fastsmtp.http.door import Door

# n8n's filter of bots refuses a bare `FastSMTP/1.0`.
USER_AGENT = f"FastSMTP/{__version__} (webhook)"


async def send(door: Door, job: Job, body: bytes, *, limit: timedelta) -> Outcome:
    started_at = timezone.now()
    payload_hash = hashlib.sha256(body).hexdigest()
    headers = _headers(job, body, started_at)
    try:
        answer = await door.post(
            job.target.url, body=body, headers=headers, timeout=limit.total_seconds()
        )
    except AddressNotAllowed as error:
        kind, reason = Kind.NOT_ALLOWED, str(error)
    except Unreachable as error:
        kind, reason = Kind.FAST, str(error)
    else:
        return _judge(job, answer, started_at, payload_hash)
    return Outcome(
        job=job,
        kind=kind,
        started_at=started_at,
        finished_at=timezone.now(),
        error=reason,
        payload_hash=payload_hash,
    )


def _judge(job: Job, answer: Answer, started_at: datetime, payload_hash: str) -> Outcome:
    kind = kind_of_status(answer.status)
    return Outcome(
        job=job,
        kind=kind,
        started_at=started_at,
        finished_at=timezone.now(),
        status_code=answer.status,
        error="" if kind is Kind.DELIVERED else f"the receiver answered {answer.status}",
        retry_after=retry_after(answer.headers) if kind is Kind.THROTTLED else None,
        response_excerpt=answer.excerpt.decode("utf-8", "replace").replace("\0", "\ufffd"),
        resolved_ip=answer.address or "",
        payload_hash=payload_hash,
    )


def _headers(job: Job, body: bytes, now: datetime) -> dict[str, str]:
    delivery_id = str(job.delivery_id)
    timestamp = int(now.timestamp())
    ours = {
        "content-type": "application/json; charset=utf-8",
        "user-agent": USER_AGENT,
        "webhook-id": delivery_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(
            secret=job.target.secret, webhook_id=delivery_id, timestamp=timestamp, body=body
        ),
        "x-idempotency-key": delivery_id,
        "fastsmtp-attempt": str(job.attempts),
        "fastsmtp-event": EVENT,
        "fastsmtp-message": str(job.message_id),
    }
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
