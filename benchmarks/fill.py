"""Fills the database of an installation with mail that waits: many more than SMTP would in time.

Runs as a process of its own with the installation's environment. Every mail is small and has an id
of its own, as the load's mails have. They came one after another, a millisecond apart.
"""

import argparse
import os
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import batched
from typing import Any

BATCH = 5000  # rows in one transaction
DOMAIN = "backlog.example"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fill", description=__doc__)
    parser.add_argument("--domain", default=DOMAIN, help="a new one")
    parser.add_argument("--url", required=True, help="of the webhooks; a number is appended")
    parser.add_argument("--endpoints", type=int, required=True)
    parser.add_argument("--mails", type=int, required=True, help="spread evenly over the endpoints")
    parser.add_argument("--run", required=True, help="begins the ids of the mails")
    parser.add_argument("--status", choices=["pending", "failed"], default="pending")
    arguments = parser.parse_args()

    os.environ["DJANGO_SETTINGS_MODULE"] = "fastsmtp.settings"
    import django

    django.setup()
    fill(**vars(arguments))


def fill(
    *, domain: str, url: str, endpoints: int, mails: int, run: str, status: str
) -> Sequence[uuid.UUID]:
    """Returns the ids of the endpoints."""
    from django.utils import timezone

    from accounts.models import Domain
    from delivery.models import Recipient

    now = timezone.now()
    owner = Domain.objects.create(domain_name=domain)
    urls = [f"{url}{number}" for number in range(endpoints)]
    recipient = Recipient.objects.create(domain=owner, local_part="u", webhook_url=urls[0])
    endpoint_ids = _make_endpoints(owner.id, urls, now)
    for numbers in batched(range(mails), BATCH):
        _make_mails(
            [(number, endpoint_ids[number % len(urls)]) for number in numbers],
            domain_id=owner.id,
            recipient_id=recipient.id,
            run=run,
            status=status,
            begun_at=now - timedelta(milliseconds=mails),
        )
    return endpoint_ids


def _make_endpoints(
    domain_id: uuid.UUID, urls: Sequence[str], now: datetime
) -> Sequence[uuid.UUID]:
    from delivery.models import Endpoint, Lane
    from delivery.models.endpoint import generate_secret, hash_url

    secret = generate_secret()
    endpoints = [
        Endpoint(domain_id=domain_id, url=url, url_hash=hash_url(url), secret=secret)
        for url in urls
    ]
    Endpoint.objects.bulk_create(endpoints, batch_size=500)
    Lane.objects.bulk_create(
        [Lane(endpoint_id=endpoint.id, due_at=now) for endpoint in endpoints], batch_size=500
    )
    return [endpoint.id for endpoint in endpoints]


def _make_mails(
    mails: Sequence[tuple[int, uuid.UUID]],
    *,
    domain_id: uuid.UUID,
    recipient_id: uuid.UUID,
    run: str,
    status: str,
    begun_at: datetime,
) -> None:
    from django.db import transaction

    from benchmarks.mails import make_id
    from delivery.models import Delivery, Message, RawMessage

    raws, messages, deliveries = [], [], []
    for number, endpoint_id in mails:
        at = begun_at + timedelta(milliseconds=number)
        raw = (
            b"Message-ID: <%b>\r\nSubject: waiting\r\n\r\nhello\r\n" % make_id(run, number).encode()
        )
        raws.append(RawMessage(size=len(raw), sha256="", content=raw))
        messages.append(
            Message(
                direction="in",
                domain_id=domain_id,
                raw_id=raws[-1].id,
                rcpt_to=[["u@example.com", str(recipient_id)]],
                client_ip="192.0.2.1",
                size=len(raw),
                internet_message_id=f"<{make_id(run, number)}>",
                received_at=at,
                instance_id="fill",
            )
        )
        deliveries.append(
            Delivery(
                message_id=messages[-1].id,
                domain_id=domain_id,
                recipient_id=recipient_id,
                endpoint_id=endpoint_id,
                recipient_address="u@example.com",
                channel="webhook",
                status=status,
                tries=1 if status == "failed" else 0,
                due_at=at,
                created_at=at,
            )
        )
    with transaction.atomic():
        _insert(raws)
        _insert(messages)
        _insert(deliveries)


def _insert(objects: Sequence[Any]) -> None:
    """As the product writes mail: a tenth of the time that `bulk_create` takes."""
    from django.db.models.expressions import DatabaseDefault

    from fastsmtp.bulk import Insert

    names = [
        name
        for name in (field.attname for field in objects[0]._meta.concrete_fields)
        if not isinstance(getattr(objects[0], name), DatabaseDefault)
    ]
    rows = [{name: getattr(item, name) for name in names} for item in objects]
    Insert(type(objects[0]), *names).execute(rows)


if __name__ == "__main__":
    main()
