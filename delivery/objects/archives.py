"""The archive: which messages belong there and are not there yet.

A row says that one is owed. Routing writes it in its transaction, whatever the verdict, and it goes
when the object is stored: by the call of a delivery, which tells its receiver where the object is,
or by `delivery.objects.archivist` if no call does. So a message is archived that was dropped or is
quarantined, whose endpoint is disabled, whose recipient was deleted, or whose bucket was away.

A claim is nothing but a later due time: a worker that dies leaves the row to the next one, and two
that do the same work store the same bytes under the same key.
"""

import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from accounts.models import Domain
from delivery.lanes.schedule import archive_wait
from delivery.models import ArchiveDue, Delivery, Message
from fastsmtp.config import config

GRACE = timedelta(minutes=1)  # for a call that is coming
LEASE = timedelta(minutes=5)  # for the worker that has it


class Owed(NamedTuple):
    """What the archive needs to know of a message; as in a job."""

    message_id: uuid.UUID
    domain_name: str
    size: int
    helo: str
    client_ip: str
    protocol: str
    rcpt_to: list[list[str]]
    received_at: datetime
    authentication_results: str


def is_wanted(*, by_rule: bool, by_domain: bool | None, by_default: bool) -> bool:
    """A rule asks for one message, the domain decides about all, or follows the server."""
    return by_rule or (by_default if by_domain is None else by_domain)


def owe(deliveries: Iterable[Mapping[str, Any]]) -> None:
    """Notes which messages of these new deliveries belong into the archive. Part of the transaction
    that makes them."""
    if not config().s3_bucket:
        return
    deliveries = list(deliveries)
    ids = {row["domain_id"] for row in deliveries}
    domains = Domain.objects.only("domain_name", "preserve_raw_message").in_bulk(ids)
    now = timezone.now()
    owed: dict[uuid.UUID, ArchiveDue] = {}
    for row in deliveries:
        domain = domains.get(row["domain_id"])
        if is_wanted(
            by_rule=row["preserve_raw"],
            by_domain=domain.preserve_raw_message if domain else None,
            by_default=config().preserve_raw_message,
        ):
            due = owed.setdefault(
                row["message_id"],
                ArchiveDue(
                    message_id=row["message_id"],
                    domain_name=domain.domain_name if domain else _domain_of(row),
                    due_at=now,
                ),
            )
            if row["status"] == Delivery.Status.PENDING:
                due.due_at = now + GRACE
    ArchiveDue.objects.bulk_create(owed.values(), ignore_conflicts=True)


def claim(limit: int) -> list[Owed]:
    """The longest due, for `LEASE` at least. Those that fail come again later and later."""
    now = timezone.now()
    with transaction.atomic():
        due = ArchiveDue.objects.select_for_update(skip_locked=True).filter(due_at__lte=now)
        claimed = list(due.order_by("due_at")[:limit])
        for row in claimed:
            row.tries += 1
            row.due_at = now + max(LEASE, archive_wait(row.tries))
        ArchiveDue.objects.bulk_update(claimed, ["due_at", "tries"])
    messages = Message.objects.filter(id__in=[row.pk for row in claimed]).order_by("id")
    columns = ("id", "archive_due__domain_name", *Owed._fields[2:])
    return [Owed(*row) for row in messages.values_list(*columns)]


def settle(message_id: uuid.UUID) -> None:
    """It is there, or can never be."""
    ArchiveDue.objects.filter(message_id=message_id).delete()


def is_owed() -> Q:
    """Messages whose bytes the archive waits for: they must not be deleted. Without a bucket none,
    because nobody would ever fetch them."""
    owed = ArchiveDue.objects.filter(message=OuterRef("pk"))
    return Q(Exists(owed if config().s3_bucket else owed.none()))


def _domain_of(delivery: Mapping[str, Any]) -> str:
    """As it was in the envelope: the domain itself has been deleted."""
    address: str = delivery["recipient_address"]
    return address.rpartition("@")[2].lower()
