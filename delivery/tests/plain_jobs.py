"""A job as a claim makes it, without a database."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from delivery.jobs import Job, Target

SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6QUJDREVGRw=="
KEY = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"
RECEIVED_AT = datetime(2025, 1, 6, 10, 0, 1, 234567, tzinfo=UTC)
DELIVERY_ID = UUID("01943a5c-0000-7000-8000-000000000001")
MESSAGE_ID = UUID("01943a5c-0000-7000-8000-000000000002")
URL = "https://hooks.example/mail"


def make_job(*, target: dict[str, Any] | None = None, **changes: Any) -> Job:
    """The mail of the example in the documentation, on its first try."""
    endpoint_id = UUID("01943a5c-0000-7000-8000-000000000003")
    targeted = {
        "endpoint_id": endpoint_id,
        "state": "active",
        "paused_until": None,
        "consecutive_failures": 0,
        "last_success_at": None,
        "url": URL,
        "secret": SECRET,
        "previous_secret": None,
        "previous_secret_expires_at": None,
        "timeout_seconds": None,
        "concurrency": 32,
        "mode": "json",
        "max_body_bytes": None,
        "domain_name": "yourdomain.com",
        "preserves_raw": None,
        **(target or {}),
    }
    values = {
        "delivery_id": DELIVERY_ID,
        "endpoint_id": endpoint_id,
        "recipient_address": "recipient@yourdomain.com",
        "status": "pending",
        "tags": [],
        "tries": 1,
        "attempts": 1,
        "preserve_raw": False,
        "oversize_failures": 0,
        "replays": 0,
        "lost_claims": 0,
        "created_at": RECEIVED_AT,
        "message_id": MESSAGE_ID,
        "raw_id": UUID("01943a5c-0000-7000-8000-000000000004"),
        "mail_from": "sender@example.com",
        "rcpt_to": [["recipient@yourdomain.com", "01943a5c-0000-7000-8000-000000000005"]],
        "helo": "mail.example.com",
        "client_ip": "203.0.113.50",
        "protocol": "ESMTPS",
        "tls_version": "TLSv1.3",
        "tls_cipher": "TLS_AES_256_GCM_SHA384",
        "smtputf8": False,
        "size": 1234,
        "received_at": RECEIVED_AT,
        "dkim_result": "pass",
        "dkim_domain": "example.com",
        "spf_result": "pass",
        "spf_domain": "example.com",
        "authentication_results": "",
        "raw": None,
        "recipient_url": URL,
        "recipient_headers": {},
        "claim_id": UUID("01943a5c-0000-7000-8000-000000000006"),
        "claimed_until": RECEIVED_AT + timedelta(seconds=45),
        **changes,
    }
    return Job(target=Target(**targeted), **values)
