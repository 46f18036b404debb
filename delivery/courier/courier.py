"""The courier: one per worker process, makes all the calls.

It runs an asyncio loop in a thread of its own with steps that repeat: `lookout` finds what is due,
`sweeper` what was never routed, `dispatch` claims and calls, `recording` writes what came of it,
`events.heralds` tell people, and with a bucket `objects.archivist` archives. The database is asked
in threads: each kind of work has one, so none waits for another.
"""

import asyncio
import logging
import os
import threading
import uuid
from collections.abc import Iterable, Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import uvloop

from delivery import jobs
from delivery.courier.calls import Caller
from delivery.courier.database_threads import DatabaseThreads, Watcher, repeat
from delivery.courier.dispatch import MAX_CALLS, Dispatch
from delivery.courier.hunger import Hunger
from delivery.courier.lookout import Lookout
from delivery.courier.recording import Recording
from delivery.courier.rehearsal import Rehearsal
from delivery.courier.sweeper import Sweeper
from delivery.courier.wakes import Wakes
from delivery.courier.watchdog import Watchdog
from delivery.events.heralds import CALLS_AT_ONCE, heralds_of
from delivery.jobs import Job
from delivery.lanes.schedule import Schedule
from fastsmtp.allocator import return_large_blocks
from fastsmtp.config import Config
from fastsmtp.http.door import Door

if TYPE_CHECKING:
    from delivery.objects.keeper import BucketKeeper

log = logging.getLogger(__name__)

DATABASE_THREADS = ("claim", "record", "look", "route", "load", "keep", "archive", "tell")


class Courier:
    """`start` and `stop` once, `wake` from any thread."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._timeout = timedelta(seconds=config.webhook_timeout)
        self._patience = config.shutdown_timeout.total_seconds()
        self._database = DatabaseThreads(*DATABASE_THREADS)
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="courier")

    def start(self) -> None:
        return_large_blocks()
        self._thread.start()
        self._started.wait()

    def stop(self) -> None:
        """Claims nothing more, finishes the calls under way, records them, ends."""
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()
        self._database.close()

    def wake(self, endpoint_ids: Iterable[uuid.UUID]) -> None:
        """These endpoints have something due."""
        self._loop.call_soon_threadsafe(self._wakes.now, list(endpoint_ids))

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
        hunger = Hunger()
        self._wakes = Wakes(hunger)
        recording = Recording(self._database, self._wakes, Schedule.from_config(self._config))
        keeper = self._open_keeper()
        rehearsal = Rehearsal()
        async with Door(self._config.address_policy, limit=MAX_CALLS + CALLS_AT_ONCE) as door:
            dispatch = Dispatch(
                hunger=hunger,
                wakes=self._wakes,
                caller=self._open_caller(door, rehearsal, keeper),
                recording=recording,
                database=self._database,
                timeout=self._timeout,
            )
            watchers: list[Watcher] = [
                Lookout(hunger=hunger, wakes=self._wakes, database=self._database),
                Sweeper(wakes=self._wakes, database=self._database),
                *heralds_of(self._config, door, self._database),
            ]
            if keeper is not None:
                watchers.append(keeper.archivist)
            with Watchdog(self._database):
                await self._deliver(watchers, dispatch, recording)
        rehearsal.close()
        if keeper is not None:
            keeper.close()

    async def _deliver(
        self, watchers: Sequence[Watcher], dispatch: Dispatch, recording: Recording
    ) -> None:
        """Until `stop`; then everything comes to its end in order."""
        recorded = asyncio.create_task(repeat(recording.step, until=recording.is_finished))
        claimed = asyncio.create_task(repeat(dispatch.step, until=self._stopping.is_set))
        watching = [
            asyncio.create_task(repeat(watcher.step, until=self._stopping.is_set))
            for watcher in watchers
        ]
        self._started.set()
        await self._stopping.wait()
        for watch in watching:
            watch.cancel()
        # A claim that is under way is not cancelled: what a thread commits must be known here.
        recording.hold_up_nobody()
        dispatch.stop()
        await claimed
        await dispatch.finish(self._patience)
        recording.close()
        await asyncio.wait({recorded}, timeout=self._patience)

    def _open_caller(
        self, door: Door, rehearsal: Rehearsal, keeper: "BucketKeeper | None"
    ) -> Caller:
        async def load(job: Job) -> bytes | None:
            return await self._database.run("load", jobs.load_raw, job.message_id)

        return Caller(door, timeout=self._timeout, load=load, rehearsal=rehearsal, keeper=keeper)

    def _open_keeper(self) -> "BucketKeeper | None":
        if not self._config.s3_bucket:
            return None
        # boto3 costs a third of a second and 20 MB, which are for those with a bucket.
        from delivery.objects.keeper import open_keeper

        return open_keeper(
            self._config,
            in_thread=partial(self._database.run, "keep"),
            in_archive_thread=partial(self._database.run, "archive"),
        )
