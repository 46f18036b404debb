"""Telling the courier that an endpoint has something due, now or at a time."""

import asyncio
import uuid
from collections.abc import Iterable
from datetime import datetime

from django.utils import timezone

from delivery.courier.hunger import Hunger

LONGEST_TIMER = 60.0  # seconds; what is due later is found by looking
TIMER_SLACK = 0.002  # seconds; uvloop's timers come up to a millisecond early: nothing is due yet


class Wakes:
    """Only on the courier's loop."""

    def __init__(self, hunger: Hunger) -> None:
        self._hunger = hunger
        self._loop = asyncio.get_running_loop()
        self.work = asyncio.Event()  # something may be claimed

    def now(self, endpoint_ids: Iterable[uuid.UUID]) -> None:
        for endpoint_id in endpoint_ids:
            self._hunger.wake(endpoint_id)
        self.work.set()

    def at(self, endpoint_id: uuid.UUID, at: datetime) -> None:
        delay = (at - timezone.now()).total_seconds()
        if delay <= LONGEST_TIMER:
            self._loop.call_later(max(delay, 0) + TIMER_SLACK, self.now, [endpoint_id])
