"""The courier: one per worker process, makes all the calls.

It runs an asyncio loop in a thread of its own. A claim takes deliveries for many lanes at once,
never more than each has free slots, so an endpoint that hangs fills its own slots and nobody
else's. The database is asked in threads: claiming, recording and looking for work have one each,
so none waits for another.

Nothing in memory matters: once a second the courier asks the database which lanes are due and
which messages were never routed. A broker that is away costs a second or two, not a mail.
"""

import asyncio
import logging
import os
import threading
import uuid
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import uvloop
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from delivery import claims, jobs, lanes, recorder, routing, unrouted
from delivery.calls import Caller
from delivery.hunger import Hunger, LaneRun
from delivery.jobs import Job
from delivery.outcome import Outcome
from delivery.schedule import Schedule
from fastsmtp.config import Config
from fastsmtp.crash import crash_point
from fastsmtp.db import release_connection, unit_of_work
from fastsmtp.http.door import Door

if TYPE_CHECKING:
    from delivery.objects.keeper import BucketKeeper

log = logging.getLogger(__name__)

MAX_IN_FLIGHT = 512  # calls of this process
POLL_INTERVAL = 1.0  # seconds
RECORD_INTERVAL = 0.008  # seconds in which outcomes gather
RETRY_DATABASE = 0.5  # seconds
LONGEST_TIMER = 60.0  # seconds; what is due later is found by looking
TIMER_SLACK = 0.002  # seconds; uvloop's timers come up to a millisecond early: nothing is due yet
DUE_LANES = 1000  # taken over by one look
OVERDUE_MESSAGES = 64  # routed by one look after another until none is left


class Courier:
    """`start` and `stop` once, `wake` from any thread."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._schedule = Schedule.from_config(config)
        self._timeout = timedelta(seconds=config.webhook_timeout)
        self._patience = config.shutdown_timeout.total_seconds()
        self._has_finished = False
        self._hunger = Hunger()
        self._calls: set[asyncio.Task[None]] = set()
        self._outcomes: list[Outcome] = []
        self._unused: list[Job] = []
        self._threads = {
            name: ThreadPoolExecutor(1, thread_name_prefix=name)
            for name in ("claim", "record", "look", "load", "keep")
        }
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="courier")

    def start(self) -> None:
        self._thread.start()
        self._started.wait()

    def stop(self) -> None:
        """Claims nothing more, finishes the calls under way, records them, ends."""
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()
        for thread in self._threads.values():
            thread.submit(release_connection)
            thread.shutdown()

    def wake(self, endpoint_ids: Iterable[uuid.UUID]) -> None:
        """These endpoints have something due."""
        self._loop.call_soon_threadsafe(self._wake, list(endpoint_ids))

    def _run(self) -> None:
        try:
            uvloop.run(self._main())
        except BaseException:
            # A worker without its courier would look alive and deliver nothing.
            log.critical("the courier failed; the worker ends", exc_info=True)
            os._exit(1)

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        self._work = asyncio.Event()
        self._recordable = asyncio.Event()
        self._on_time = asyncio.Event()  # cleared while outcomes wait for a database that is away
        self._on_time.set()
        async with Door(self._config.address_policy, limit=MAX_IN_FLIGHT) as door:
            keeper = self._open_keeper()
            self._caller = Caller(door, timeout=self._timeout, load=self._load, keeper=keeper)
            recording = asyncio.create_task(self._repeat(self._record_next, self._is_finished))
            claiming = asyncio.create_task(self._repeat(self._claim_next, self._is_stopping))
            looking = asyncio.create_task(self._repeat(self._look, self._is_stopping))
            self._started.set()
            await self._stopping.wait()
            looking.cancel()
            # A step that is under way is not cancelled: what a thread commits must be known here.
            self._on_time.set()
            self._work.set()
            await claiming
            self._unused += self._hunger.take_ready()
            await self._finish_calls()
            self._has_finished = True
            self._recordable.set()
            await asyncio.wait({recording}, timeout=self._patience)
            if keeper is not None:
                keeper.close()

    def _is_stopping(self) -> bool:
        return self._stopping.is_set()

    def _is_finished(self) -> bool:
        return self._has_finished and not self._outcomes and not self._unused

    async def _repeat(
        self, step: Callable[[], Awaitable[None]], is_over: Callable[[], bool]
    ) -> None:
        """Runs a step again and again; an outage of the database only slows it down."""
        is_out = False
        while not is_over():
            try:
                await step()
            except (OperationalError, InterfaceError) as error:
                if not is_out:
                    log.warning("the database is away: %s", error)
                is_out = True
                await asyncio.sleep(RETRY_DATABASE)
            except Exception:
                log.exception("unexpected error in the courier")
                await asyncio.sleep(RETRY_DATABASE)
            else:
                if is_out:
                    log.warning("the database is back")
                is_out = False

    async def _finish_calls(self) -> None:
        if self._calls:
            _, late = await asyncio.wait(self._calls, timeout=self._patience)
            for call in late:
                call.cancel()  # its claim runs out, and it is made again

    async def _in_thread[**P, T](
        self, thread: str, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        def work() -> T:
            with unit_of_work():
                return function(*args, **kwargs)

        return await self._loop.run_in_executor(self._threads[thread], work)

    async def _load(self, job: Job) -> bytes | None:
        return await self._in_thread("load", jobs.load_raw, job)

    def _open_keeper(self) -> "BucketKeeper | None":
        if not self._config.s3_bucket:
            return None
        # boto3 costs a third of a second and 20 MB, which are for those with a bucket.
        from delivery.objects.keeper import open_keeper

        return open_keeper(self._config, in_thread=partial(self._in_thread, "keep"))

    # --- claiming ---

    def _wake(self, endpoint_ids: Iterable[uuid.UUID]) -> None:
        for endpoint_id in endpoint_ids:
            self._hunger.wake(endpoint_id)
        self._work.set()

    def _wake_at(self, endpoint_id: uuid.UUID, at: datetime) -> None:
        delay = (at - timezone.now()).total_seconds()
        if delay <= LONGEST_TIMER:
            self._loop.call_later(max(delay, 0) + TIMER_SLACK, self._wake, [endpoint_id])

    async def _claim_next(self) -> None:
        await self._work.wait()
        # After an outage claims may have run out whose answers wait here to be recorded.
        await self._on_time.wait()
        slots = self._hunger.to_claim(MAX_IN_FLIGHT - len(self._calls))
        if not slots:
            self._work.clear()
            return
        wakes = self._hunger.wakes(slots)
        claimed = await self._in_thread("claim", claims.claim, slots, timeout=self._timeout)
        for job in claimed.jobs:
            lane = self._hunger.lane(job.endpoint_id)
            lane.most_slots = job.target.concurrency
            lane.ready.append(job)
        for endpoint_id in slots:
            self._start_calls(self._hunger.lane(endpoint_id))
        for endpoint_id in claimed.dry:
            self._hunger.satisfy(endpoint_id, wakes[endpoint_id])
        for endpoint_id, until in claimed.closed.items():
            self._hunger.satisfy(endpoint_id, wakes[endpoint_id])
            if until is not None:
                self._wake_at(endpoint_id, until)

    # --- calling ---

    def _start_calls(self, lane: LaneRun) -> None:
        while lane.ready and lane.has_free_slot and not self._is_stopping():
            lane.in_flight += 1
            call = asyncio.create_task(self._call(lane.ready.popleft(), lane))
            self._calls.add(call)
            call.add_done_callback(self._calls.discard)

    async def _call(self, job: Job, lane: LaneRun) -> None:
        try:
            outcome = await self._caller.call(job)
        finally:
            lane.in_flight -= 1
            self._work.set()
        crash_point("after_post")
        if outcome is None:
            self._unused.append(job)
        else:
            self._outcomes.append(outcome)
            if lane.learn(outcome.kind, outcome.duration.total_seconds()):
                self._unused += lane.ready
                lane.ready.clear()
        self._recordable.set()
        self._start_calls(lane)

    # --- recording ---

    async def _record_next(self) -> None:
        await self._recordable.wait()
        await asyncio.sleep(RECORD_INTERVAL)
        self._recordable.clear()
        outcomes, self._outcomes = self._outcomes, []
        try:
            await self._record(outcomes)
        except (OperationalError, InterfaceError):
            self._outcomes = outcomes + self._outcomes
            if not self._is_stopping():  # claiming waits for it, and the end for claiming
                self._on_time.clear()
            self._recordable.set()
            raise
        self._on_time.set()
        await self._release()

    async def _release(self) -> None:
        """Gives back what was claimed ahead and is not called; an outage leaves it to expire."""
        unused, self._unused = self._unused, []
        if unused:
            await self._in_thread("record", claims.release, unused)
            self._wake({job.endpoint_id for job in unused})

    async def _record(self, outcomes: list[Outcome]) -> None:
        if not outcomes:
            return
        try:
            settled = await self._in_thread("record", recorder.record, outcomes, self._schedule)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            if len(outcomes) == 1:
                log.exception("delivery %s: outcome not recorded", outcomes[0].job.delivery_id)
                return
            for outcome in outcomes:  # one bad row must not keep the others from being recorded
                await self._record([outcome])
            return
        for item in settled:
            if item.due_at is not None:
                self._wake_at(item.outcome.job.endpoint_id, item.due_at)

    # --- looking ---

    async def _look(self) -> None:
        await asyncio.sleep(POLL_INTERVAL)
        self._wake(await self._in_thread("look", lanes.due, DUE_LANES))
        await self._route_overdue()
        idle = self._hunger.idle()
        if idle:
            upcoming = await self._in_thread("look", lanes.rest, idle)
            self._hunger.forget(idle)
            now = timezone.now()
            for endpoint_id, at in upcoming.items():
                if at is not None and at > now:  # else it is closed, or the next look finds it
                    self._wake_at(endpoint_id, at)

    async def _route_overdue(self) -> None:
        overdue = [uuid.UUID(int=0)] * OVERDUE_MESSAGES
        while len(overdue) == OVERDUE_MESSAGES:
            overdue = await self._in_thread("look", unrouted.overdue, OVERDUE_MESSAGES)
            self._wake(await self._in_thread("look", routing.route, overdue))
