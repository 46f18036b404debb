"""Deliveries that wait, and what claims them."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from delivery.courier.claims import Claimed, claim
from delivery.jobs import Job
from delivery.models import Delivery, Endpoint, Recipient
from delivery.tests.records import RAW, create_delivery, create_message

TIMEOUT = timedelta(seconds=30)


def add_due(
    recipient: Recipient,
    endpoint: Endpoint,
    *,
    age: float = 1.0,
    raw: bytes = RAW,
    **fields: Any,
) -> Delivery:
    """Due since `age` seconds."""
    message = create_message(
        recipient.domain, raw=raw, rcpt_to=[[recipient.address, str(recipient.id)]]
    )
    due_at = timezone.now() - timedelta(seconds=age)
    return create_delivery(message, recipient, endpoint, **{"due_at": due_at, **fields})


def claim_from(*endpoints: Endpoint, slots: int = 10) -> Claimed:
    return claim({endpoint.id: slots for endpoint in endpoints}, timeout=TIMEOUT)


def claim_one(endpoint: Endpoint) -> Job:
    """The only one that is due."""
    (job,) = claim_from(endpoint).jobs
    return job


def expire_claims() -> None:
    """As if their processes had died long ago."""
    Delivery.objects.filter(claim_id__isnull=False).update(
        claimed_until=timezone.now() - timedelta(seconds=1)
    )
