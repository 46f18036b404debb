"""Once a second the database is asked which messages were never routed, and they are. Beside the
lookout: a large mail or many rules take their time, and due lanes do not wait for them."""

import asyncio

from delivery.courier.database_threads import DatabaseThreads
from delivery.courier.lookout import POLL_INTERVAL
from delivery.courier.wakes import Wakes
from delivery.lanes.rounds import Rounds
from delivery.routing import unrouted
from delivery.routing.sweep import sweep


def overdue_messages() -> Rounds:
    return Rounds(unrouted.overdue, time="route_due_at", page_size=64)


class Sweeper:
    """Only on the courier's loop."""

    def __init__(self, *, wakes: Wakes, database: DatabaseThreads) -> None:
        self._wakes = wakes
        self._database = database
        self._overdue = overdue_messages()

    async def step(self) -> None:
        """One round. Raises DatabaseError."""
        await asyncio.sleep(POLL_INTERVAL)
        is_last = False
        while not is_last:
            page = await self._database.run("route", self._overdue.next_page)
            is_last = len(page) < self._overdue.page_size
            self._wakes.now(await self._database.run("route", sweep, page))
