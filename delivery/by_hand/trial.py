"""A call that tries an endpoint out: through the same door, signed, with the event `test`. Neither
its lane nor any delivery notices."""

import asyncio
import uuid
from dataclasses import dataclass
from datetime import timedelta
from email.message import EmailMessage
from email.utils import format_datetime

from django.utils import timezone

from delivery import jobs
from delivery.bodies.body import build
from delivery.jobs import Job, Target
from delivery.lanes.answers import Kind
from delivery.models import Endpoint, Recipient
from delivery.outcome import Outcome
from delivery.transports import webhook
from fastsmtp.config import config
from fastsmtp.http.door import Door
from fastsmtp.ids import uuid7

EVENT = "test"
SENDER = "sender@example.org"
LONGEST = 30.0  # seconds: somebody waits for it, and so does one of few threads


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    success: bool
    status_code: int | None
    error: str | None
    response_time_ms: int


def try_endpoint(endpoint: Endpoint) -> Trial:
    """Waits for the answer, at most as long as a delivery would, and no longer than `LONGEST`.
    Raises Endpoint.DoesNotExist."""
    targets = jobs.targets([endpoint.id])
    if not targets:
        raise Endpoint.DoesNotExist
    recipient = Recipient.objects.filter(domain=endpoint.domain_id, webhook_url=endpoint.url)
    address = f"test@{targets[endpoint.id].domain_name}"
    raw = _compose(address)
    job = _job(targets[endpoint.id], recipient.first(), address, raw)
    outcome = asyncio.run(_send(job, raw))
    return Trial(
        success=outcome.kind is Kind.DELIVERED,
        status_code=outcome.status_code,
        error=outcome.error or None,
        response_time_ms=round(outcome.duration / timedelta(milliseconds=1)),
    )


async def _send(job: Job, raw: bytes) -> Outcome:
    seconds = min(job.target.timeout_seconds or config().webhook_timeout, LONGEST)
    async with Door(config().address_policy) as door:
        return await webhook.send(door, job, build(job, raw), limit=timedelta(seconds=seconds))


def _compose(address: str) -> bytes:
    mail = EmailMessage()
    mail["From"] = SENDER
    mail["To"] = address
    mail["Subject"] = "A test from FastSMTP"
    mail["Date"] = format_datetime(timezone.now())
    mail.set_content("It works.")
    return mail.as_bytes()


def _job(target: Target, recipient: Recipient | None, address: str, raw: bytes) -> Job:
    now = timezone.now()
    return Job(
        target=target,
        claim_id=uuid.UUID(int=0),
        claimed_until=now,
        delivery_id=uuid7(),
        endpoint_id=target.endpoint_id,
        recipient_address=address,
        status="pending",
        tags=[],
        tries=1,
        attempts=1,
        preserve_raw=False,
        oversize_failures=0,
        replays=0,
        lost_claims=0,
        created_at=now,
        message_id=uuid7(),
        raw_id=None,
        mail_from=SENDER,
        rcpt_to=[[address, ""]],
        helo="localhost",
        client_ip="127.0.0.1",
        protocol="ESMTP",
        tls_version="",
        tls_cipher="",
        smtputf8=False,
        size=len(raw),
        received_at=now,
        dkim_result="none",
        dkim_domain=None,
        spf_result="none",
        spf_domain=None,
        authentication_results="",
        raw=raw,
        recipient_url=recipient.webhook_url if recipient else None,
        recipient_headers=recipient.webhook_headers if recipient else None,
        event=EVENT,
    )
