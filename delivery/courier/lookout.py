"""Nothing in memory matters: once a second the database is asked which lanes are due and which
messages were never routed. A broker that is away costs a second or two, not a mail."""

import asyncio
import uuid
from collections.abc import AsyncIterator

from django.utils import timezone

from delivery.courier.database_threads import DatabaseThreads
from delivery.courier.hunger import Hunger
from delivery.courier.wakes import Wakes
from delivery.lanes import lanes
from delivery.lanes.rounds import Rounds
from delivery.routing import routing, unrouted

POLL_INTERVAL = 1.0  # seconds
PAGES = 20  # in one look; the next one goes on from there


def due_lanes() -> Rounds:
    return Rounds(lanes.due, time="due_at", page_size=500)


def overdue_messages() -> Rounds:
    return Rounds(unrouted.overdue, time="route_due_at", page_size=64)


class Lookout:
    """Only on the courier's loop."""

    def __init__(self, *, hunger: Hunger, wakes: Wakes, database: DatabaseThreads) -> None:
        self._hunger = hunger
        self._wakes = wakes
        self._database = database
        self._due_lanes = due_lanes()
        self._overdue = overdue_messages()

    async def step(self) -> None:
        """One look. Raises DatabaseError."""
        await asyncio.sleep(POLL_INTERVAL)
        async for page in self._pages(self._due_lanes):
            self._wakes.now(page)
        async for page in self._pages(self._overdue):
            self._wakes.now(await self._database.run("look", routing.route, page))
        await self._rest()

    async def _pages(self, rounds: Rounds) -> AsyncIterator[list[uuid.UUID]]:
        for _ in range(PAGES):
            page = await self._database.run("look", rounds.next_page)
            yield page
            if len(page) < rounds.page_size:
                break

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
