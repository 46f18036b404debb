"""The courier's end of a call: outcomes gather for a moment and are written together."""

import asyncio
import logging
from collections.abc import Iterable

from django.db import InterfaceError, OperationalError

from delivery.courier import recorder
from delivery.courier.database_threads import DatabaseThreads
from delivery.courier.release import release
from delivery.courier.unwritable import record_in_part
from delivery.courier.wakes import Wakes
from delivery.jobs import Job
from delivery.lanes.schedule import Schedule
from delivery.outcome import Outcome

log = logging.getLogger(__name__)

RECORD_INTERVAL = 0.008  # seconds in which outcomes gather
LATE = 5.0  # seconds of one recording after which nothing is claimed until it is done
MANY = 2048  # outcomes that wait; the same


class Recording:
    """Only on the courier's loop. Outcomes stay here until an outage of the database is over."""

    def __init__(self, database: DatabaseThreads, wakes: Wakes, schedule: Schedule) -> None:
        self._database = database
        self._wakes = wakes
        self._schedule = schedule
        self._outcomes: list[Outcome] = []
        self._unused: list[Job] = []
        self._has_more = asyncio.Event()
        self._may_hold_up = True
        self._is_closed = False
        # Cleared while outcomes wait for a database that is away, or that lets us wait: claims run
        # out meanwhile, and would be made again.
        self.on_time = asyncio.Event()
        self.on_time.set()

    def add(self, outcome: Outcome) -> None:
        self._outcomes.append(outcome)
        self._has_more.set()
        if len(self._outcomes) > MANY:
            self._hold_up()

    def give_back(self, jobs: Iterable[Job]) -> None:
        """They were claimed, and are not called."""
        self._unused += jobs
        self._has_more.set()

    def hold_up_nobody(self) -> None:
        """From now on an outage is no reason to wait: claiming must come to its end."""
        self._may_hold_up = False
        self.on_time.set()

    def close(self) -> None:
        """Nothing is added after this."""
        self._is_closed = True
        self._has_more.set()

    def is_finished(self) -> bool:
        return self._is_closed and not self._outcomes and not self._unused

    async def step(self) -> None:
        """Writes what has gathered. Raises OperationalError and InterfaceError, having kept it."""
        await self._has_more.wait()
        await asyncio.sleep(RECORD_INTERVAL)
        self._has_more.clear()
        loop = asyncio.get_running_loop()
        begun_at = loop.time()
        late = loop.call_later(LATE, self._be_late)
        try:
            await self._write()
        finally:
            late.cancel()
            if loop.time() - begun_at >= LATE:
                self._database.begin_aftermath()
            if not self._outcomes:  # what came in meanwhile is written first
                self.on_time.set()

    def _be_late(self) -> None:
        log.warning("outcomes wait for the database for %g s; nothing is claimed meanwhile", LATE)
        self._hold_up()

    def _hold_up(self) -> None:
        if self._may_hold_up:
            self.on_time.clear()

    async def _write(self) -> None:
        outcomes, self._outcomes = self._outcomes, []
        try:
            await self._record(outcomes)
        except (OperationalError, InterfaceError):
            self._outcomes = outcomes + self._outcomes
            self._hold_up()
            self._has_more.set()
            raise
        await self._release()

    async def _record(self, outcomes: list[Outcome]) -> None:
        """Leaves those in the list that are not recorded when it raises OperationalError or
        InterfaceError."""
        if not outcomes:
            return
        try:
            settled = await self._database.run("record", recorder.record, outcomes, self._schedule)
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:
            if len(outcomes) > 1:
                while outcomes:  # one bad row must not keep the others from being recorded
                    await self._record(outcomes[:1])
                    del outcomes[0]
                return
            [outcome] = outcomes
            log.exception("delivery %s: outcome not recorded", outcome.job.delivery_id)
            settled = await self._database.run(
                "record", record_in_part, outcome, error, self._schedule
            )
        for item in settled:
            if item.due_at is not None:
                self._wakes.at(item.outcome.job.endpoint_id, item.due_at)

    async def _release(self) -> None:
        """In an outage later. What has expired by then stays as it is."""
        unused, self._unused = self._unused, []
        if not unused:
            return
        try:
            await self._database.run("record", release, unused)
        except (OperationalError, InterfaceError):
            self.give_back(unused)
            raise
        self._wakes.now({job.endpoint_id for job in unused})
