"""Operational events, without waiting for their time."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from accounts.models import Domain, Membership, User
from delivery.events import sendings
from delivery.events.gathering import gather
from delivery.events.incidents import Pace
from delivery.events.sendings import Claimed
from delivery.events.telling import Audience, tell_due
from delivery.events.webhook import EventReceiver
from delivery.models import EventSending, OperationalEvent
from fastsmtp.config import config
from fastsmtp.http.door import Door

PACE = Pace(grace=timedelta(minutes=2), interval=timedelta(hours=1))
BOTH = Audience(has_webhook=True, has_mail=True)
PUBLIC = "https://mail.example.net"
SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6QUJDREVGRw=="

Channel = EventSending.Channel


def after(minutes: float) -> datetime:
    return timezone.now() + timedelta(minutes=minutes)


def tell(minutes: float, *, audience: Audience = BOTH) -> list[OperationalEvent]:
    """What a worker makes of it when it looks in so many minutes."""
    gather(PACE)
    return tell_due(audience, now=after(minutes), public_address=PUBLIC)


def told(minutes: float) -> list[tuple[str, int]]:
    return [(event.type, event.payload["count"]) for event in tell(minutes)]


def add_owner(domain: Domain, email: str = "ada@owner.example", **fields: Any) -> User:
    user = User.objects.create_user(email.partition("@")[0], email=email, **fields)
    Membership.objects.create(user=user, domain=domain, role=Membership.Role.OWNER)
    return user


def claim(channel: EventSending.Channel = Channel.WEBHOOK, *, limit: int = 10) -> list[Claimed]:
    """Made due first: their time was in the future."""
    EventSending.objects.filter(due_at__isnull=False, tries=0).update(due_at=timezone.now())
    return sendings.claim(channel, limit=limit, lease=timedelta(seconds=45))


def send_event(receiver: EventReceiver, claimed: Claimed) -> str:
    """Why it was not taken, if it was not."""

    async def send() -> str:
        async with Door(config().address_policy) as door:
            return await receiver.send(door, claimed)

    return asyncio.run(send())
