"""From incidents that are due to events: what belongs together is told together, and not too often.

An event is made once, with the words that it will always have, and with a row for each who is to
get it; sending is another matter.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from django.db import transaction
from django.db.models import Max

from accounts.models import Domain, Membership
from delivery.events.incidents import DOMAIN_GAP
from delivery.events.payload import build_payload
from delivery.models import Endpoint, EventSending, Incident, OperationalEvent
from fastsmtp import maillog
from fastsmtp.config import Config

BATCH = 5000  # incidents looked at by one step

Channel = EventSending.Channel


@dataclass(frozen=True, kw_only=True)
class Audience:
    """Which ways there are to tell somebody."""

    has_webhook: bool
    has_mail: bool

    @classmethod
    def from_config(cls, config: Config) -> Self:
        return cls(
            has_webhook=bool(config.events_webhook_url), has_mail=config.mail_relay is not None
        )


def tell_due(audience: Audience, *, now: datetime, public_address: str) -> list[OperationalEvent]:
    """Makes the events that are due now. Raises DatabaseError having made none."""
    if not Incident.objects.filter(due_at__lte=now).exists():
        return []
    with transaction.atomic():
        events = []
        for group in _due_groups(now):
            event = _tell(group, now, public_address)
            if event is not None:
                event.save(force_insert=True)
                EventSending.objects.bulk_create(_sendings(event, audience))
                events.append(event)
    for event in events:
        maillog.event_told(event_id=event.id, payload=event.payload)
    return events


def _due_groups(now: datetime) -> Iterable[list[Incident]]:
    """By domain and type, the longest due first. Locked in the order of the ids, as by everybody
    who locks incidents."""
    due = Incident.objects.select_for_update().filter(due_at__lte=now).order_by("id")[:BATCH]
    groups: dict[tuple[uuid.UUID, str], list[Incident]] = defaultdict(list)
    for incident in sorted(due, key=lambda incident: incident.due_at or now):
        groups[incident.domain_id, incident.type].append(incident)
    return groups.values()


def _tell(group: Sequence[Incident], now: datetime, public: str) -> OperationalEvent | None:
    """None when it is too early, or nobody's any more."""
    domain = Domain.objects.filter(id=group[0].domain_id).first()
    endpoints = Endpoint.objects.in_bulk([i.endpoint_id for i in group if i.endpoint_id])
    known = [i for i in group if i.endpoint_id is None or i.endpoint_id in endpoints]
    ids = [incident.id for incident in group]
    if domain is None or not known:
        Incident.objects.filter(id__in=ids).delete()
        return None
    earliest = _earliest(domain, group[0].type)
    if earliest is not None and now < earliest:
        Incident.objects.filter(id__in=ids).update(due_at=earliest)
        return None
    event = OperationalEvent(type=group[0].type, domain=domain, created_at=now)
    event.payload = build_payload(event, domain, known, endpoints, public)
    Incident.objects.filter(id__in=ids).update(
        due_at=None, told_at=now, count=0, reasons={}, deliveries=[], first_at=None, last_at=None
    )
    return event


def _earliest(domain: Domain, type: str) -> datetime | None:
    told = OperationalEvent.objects.filter(domain=domain, type=type)
    last: datetime | None = told.aggregate(at=Max("created_at"))["at"]
    return None if last is None else last + DOMAIN_GAP


def _sendings(event: OperationalEvent, audience: Audience) -> Iterable[EventSending]:
    if audience.has_webhook:
        yield EventSending(event=event, channel=Channel.WEBHOOK, due_at=event.created_at)
    if audience.has_mail:
        for address in _owners(event.payload["domain"]):
            yield EventSending(
                event=event, channel=Channel.MAIL, address=address, due_at=event.created_at
            )


def _owners(domain_name: str) -> list[str]:
    """Mail addresses of the owners who may sign in and have one."""
    owners = Membership.objects.filter(
        domain__domain_name=domain_name, role=Membership.Role.OWNER, user__is_active=True
    )
    addresses = owners.order_by("created_at").values_list("user__email", flat=True)
    return list(dict.fromkeys(address for address in addresses if address))
