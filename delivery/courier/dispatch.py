"""From a hungry lane to a call: claims, and the calls under way.

A claim takes deliveries for many lanes at once, never more than `delivery.courier.hunger` grants
each, so an endpoint that hangs fills its own slots and nobody else's.
"""

import asyncio
import logging
import uuid
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta

from django.db import InterfaceError, OperationalError, ProgrammingError
from django.utils import timezone

from delivery.courier.calls import Caller
from delivery.courier.claims import Claimed
from delivery.courier.database_threads import DatabaseThreads
from delivery.courier.hunger import Hunger
from delivery.courier.lane_run import LaneRun
from delivery.courier.recording import Recording
from delivery.courier.slow_claims import ClaimWatch
from delivery.courier.wakes import Wakes
from delivery.jobs import Job
from fastsmtp.crash import crash_point

log = logging.getLogger(__name__)

MAX_CALLS = 2048  # of this process: under way and claimed ahead; fewer with large messages
BARRED = 60.0  # seconds until a lane of which nothing can be claimed is tried again


class Dispatch:
    """Only on the courier's loop."""

    def __init__(
        self,
        *,
        hunger: Hunger,
        wakes: Wakes,
        caller: Caller,
        recording: Recording,
        database: DatabaseThreads,
        timeout: timedelta,
    ) -> None:
        self._hunger = hunger
        self._wakes = wakes
        self._caller = caller
        self._recording = recording
        self._database = database
        self._timeout = timeout
        self._watch = ClaimWatch()
        self._calls: set[asyncio.Task[None]] = set()
        self._is_stopping = False

    def stop(self) -> None:
        """No further call; a claim that is under way is given back. `step` returns."""
        self._is_stopping = True
        self._wakes.work.set()

    async def finish(self, patience: float) -> None:
        """Waits so many seconds for the calls under way."""
        self._recording.give_back(self._hunger.take_back_all())
        if self._calls:
            _, late = await asyncio.wait(self._calls, timeout=patience)
            for call in late:
                call.cancel()  # its claim runs out, and it is made again

    async def step(self) -> None:
        """One claim, once there is something to claim. Raises OperationalError and
        InterfaceError."""
        await self._wakes.work.wait()
        # After an outage claims may have run out whose answers wait to be recorded here.
        await self._recording.on_time.wait()
        slots = self._hunger.to_claim(MAX_CALLS - self._hunger.held)
        if slots:
            await self._claim(slots)
        else:
            self._wakes.work.clear()

    async def _claim(self, slots: Mapping[uuid.UUID, int]) -> None:
        """What cannot be claimed of one lane must not stop the others: they go without it."""
        wakes = self._hunger.wakes(slots)
        try:
            claimed = await self._database.run(
                "claim",
                self._watch.claim,
                slots,
                timeout=self._timeout,
                # After an outage their answers may be about to be recorded, by another process.
                takes_lost=not self._database.is_in_aftermath,
            )
        except (OperationalError, InterfaceError, ProgrammingError):  # away, or not migrated yet
            raise
        except Exception:
            if len(slots) == 1:
                self._bar(*slots)
            else:
                for endpoint_id, wish in slots.items():
                    await self._claim({endpoint_id: wish})
        else:
            self._begin(claimed, slots, wakes)

    def _bar(self, endpoint_id: uuid.UUID) -> None:
        log.exception("endpoint %s: nothing can be claimed of it", endpoint_id)
        self._hunger.bar(endpoint_id, BARRED)
        self._wakes.at(endpoint_id, timezone.now() + timedelta(seconds=BARRED))

    def _begin(
        self, claimed: Claimed, slots: Mapping[uuid.UUID, int], wakes: Mapping[uuid.UUID, int]
    ) -> None:
        counts = Counter(job.endpoint_id for job in claimed.jobs)
        for job in claimed.jobs:
            self._hunger.hold(job)
        for endpoint_id, wished in slots.items():
            lane = self._hunger.lane(endpoint_id)
            lane.taste(wished=wished, got=counts[endpoint_id])
            self._start_calls(lane)
        for endpoint_id in claimed.dry:
            self._hunger.satisfy(endpoint_id, wakes[endpoint_id])
        for endpoint_id, until in claimed.closed.items():
            self._hunger.satisfy(endpoint_id, wakes[endpoint_id])
            if until is not None:
                self._wakes.at(endpoint_id, until)

    def _start_calls(self, lane: LaneRun) -> None:
        while lane.ready and lane.has_free_slot and not self._is_stopping:
            call = asyncio.create_task(self._call(self._hunger.start(lane), lane))
            self._calls.add(call)
            call.add_done_callback(self._calls.discard)

    async def _call(self, job: Job, lane: LaneRun) -> None:
        try:
            outcome = await self._caller.call(job)
        finally:
            self._hunger.end(job)
            self._wakes.work.set()
        crash_point("after_post")
        if outcome is None:
            self._recording.give_back([job])
        else:
            self._recording.add(outcome)
            if lane.learn(outcome.kind, outcome.duration.total_seconds()):
                self._recording.give_back(self._hunger.take_back(lane))
        self._start_calls(lane)
