"""Rows as ingest, routing and the courier leave them, for tests of what shows them."""

from datetime import timedelta
from hashlib import sha256
from typing import Any

from django.utils import timezone

from accounts.models import Domain
from delivery.models import Attempt, Delivery, Endpoint, Lane, Message, RawMessage, Recipient

RAW = b"From: ada@example.org\r\nSubject: Hello\r\n\r\nIt works.\r\n"
URL = "http://127.0.0.1:9/webhook"


def create_endpoint(domain: Domain, *, url: str = URL, **lane: Any) -> Endpoint:
    endpoint = Endpoint.objects.create(domain=domain, url=url)
    Lane.objects.create(endpoint=endpoint, **lane)
    return endpoint


def create_message(domain: Domain, *, raw: bytes = RAW, **fields: Any) -> Message:
    stored = RawMessage.objects.create(size=len(raw), sha256=sha256(raw).hexdigest(), content=raw)
    values = {
        "mail_from": "ada@example.org",
        "rcpt_to": [],
        "client_ip": "192.0.2.1",
        "instance_id": "test",
        "internet_message_id": "<hello@example.org>",
        "from_address": "ada@example.org",
        "subject": "Hello",
    }
    return Message.objects.create(domain=domain, raw=stored, size=len(raw), **{**values, **fields})


def create_delivery(
    message: Message, recipient: Recipient, endpoint: Endpoint, **fields: Any
) -> Delivery:
    return Delivery.objects.create(
        message=message,
        domain=message.domain,
        recipient=recipient,
        endpoint=endpoint,
        recipient_address=recipient.address,
        webhook_url=endpoint.url,
        **fields,
    )


def create_attempt(delivery: Delivery, **fields: Any) -> Attempt:
    values = {
        "number": 1,
        "started_at": timezone.now() - timedelta(seconds=1),
        "duration_ms": 42,
        "outcome": "failed",
        "status_code": 500,
        "error": "HTTP 500",
    }
    return Attempt.objects.create(delivery=delivery, **{**values, **fields})
