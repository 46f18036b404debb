"""Nothing in memory matters: once a second the database is asked which lanes are due. A broker that
is away costs a second or two, not a mail."""

import asyncio

from django.utils import timezone

from delivery.courier.database_threads import DatabaseThreads
from delivery.courier.hunger import Hunger
from delivery.courier.wakes import Wakes
from delivery.lanes import lanes
from delivery.lanes.rounds import Rounds

POLL_INTERVAL = 1.0  # seconds
PAGES = 20  # in one look; the next one goes on from there


def due_lanes() -> Rounds:
    return Rounds(lanes.due, time="due_at", page_size=500)


class Lookout:
    """Only on the courier's loop."""

    def __init__(self, *, hunger: Hunger, wakes: Wakes, database: DatabaseThreads) -> None:
        self._hunger = hunger
        self._wakes = wakes
        self._database = database
        self._due_lanes = due_lanes()

    async def step(self) -> None:
        """One look. Raises DatabaseError."""
        await asyncio.sleep(POLL_INTERVAL)
        for _ in range(PAGES):
            page = await self._database.run("look", self._due_lanes.next_page)
            self._wakes.now(page)
            if len(page) < self._due_lanes.page_size:
                break
        await self._rest()

    async def _rest(self) -> None:
        idle = self._hunger.idle()
        if not idle:
            return
        upcoming = await self._database.run("look", lanes.rest, idle)
        self._hunger.forget(idle)
        now = timezone.now()
        for endpoint_id, at in upcoming.items():
            if at is not None and at > now:  # else it is closed, or the next look finds it
                self._wakes.at(endpoint_id, at)
