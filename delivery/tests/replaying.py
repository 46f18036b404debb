"""Replays, and the steps that work on them."""

import uuid
from typing import Any

from delivery.models import Delivery, Endpoint, Recipient, Replay
from delivery.replay import replays
from delivery.replay.feeding import Feeder
from delivery.replay.selection import Selection
from delivery.tests.records import create_message


def add_many(
    recipient: Recipient, endpoint: Endpoint, count: int, **fields: Any
) -> list[uuid.UUID]:
    """Exhausted deliveries, each of a message of its own."""
    values = {"status": Delivery.Status.EXHAUSTED, "webhook_url": endpoint.url, **fields}
    envelope = [[recipient.address, str(recipient.id)]]
    made = Delivery.objects.bulk_create(
        Delivery(
            message=create_message(recipient.domain, rcpt_to=envelope),
            domain=recipient.domain,
            recipient=recipient,
            endpoint=endpoint,
            recipient_address=recipient.address,
            **values,
        )
        for _ in range(count)
    )
    return [delivery.id for delivery in made]


def start(recipient: Recipient, *, reevaluate_rules: bool = False, **selection: Any) -> Replay:
    return replays.start(
        recipient.domain_id,
        Selection(**selection),
        reevaluate_rules=reevaluate_rules,
        requested_by="alice",
    )


def work_off() -> None:
    """As if what is due had been delivered."""
    Delivery.objects.filter(due_at__isnull=False).update(
        status=Delivery.Status.DELIVERED, due_at=None, claim_id=None
    )


def run_to_end(replay: Replay, *, most_steps: int = 200) -> Replay:
    """Each step's mail is worked off before the next."""
    feeder = Feeder()
    for _ in range(most_steps):
        feeder.step()
        work_off()
        replay.refresh_from_db()
        if replay.state not in Replay.UNFINISHED:
            return replay
    raise AssertionError(f"still {replay.state}")
