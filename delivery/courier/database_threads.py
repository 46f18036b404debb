"""How the courier's loop uses the database: in threads, and in steps that outlive an outage."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from django.db import InterfaceError, OperationalError

from delivery.courier.outage import RETRY_DATABASE, Outage
from fastsmtp.db import release_connection, unit_of_work

log = logging.getLogger(__name__)

# Each process finds out within about 6 s that the database is back: a try to connect takes up to
# 5 s. So long after its own last failure the others have tried at least once more.
AFTERMATH = 15.0  # seconds


class DatabaseThreads:
    """One thread for each kind of work, so that none waits for another."""

    def __init__(self, *names: str) -> None:
        self._threads = {name: ThreadPoolExecutor(1, thread_name_prefix=name) for name in names}
        self._failed_at = -AFTERMATH
        self._under_way: dict[str, object] = {}

    @property
    def is_in_aftermath(self) -> bool:
        """Whether the database was away just now: others may have much to catch up with."""
        return time.monotonic() - self._failed_at < AFTERMATH

    def begin_aftermath(self) -> None:
        """The database was as good as away, and nothing has failed."""
        self._failed_at = time.monotonic()

    def under_way(self, thread: str) -> object | None:
        """What this thread works at, another object each time; None while it has nothing to do."""
        return self._under_way.get(thread)

    def close(self) -> None:
        """Waits for what is under way."""
        for thread in self._threads.values():
            thread.submit(release_connection)
            thread.shutdown()

    async def run[**P, T](
        self, thread: str, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        def work() -> T:
            self._under_way[thread] = object()
            try:
                with unit_of_work():
                    return function(*args, **kwargs)
            except (OperationalError, InterfaceError):
                self.begin_aftermath()
                raise
            finally:
                del self._under_way[thread]

        return await asyncio.get_running_loop().run_in_executor(self._threads[thread], work)


class Watcher(Protocol):
    """Something that the courier does again and again beside its calls."""

    async def step(self) -> None:
        """One round, after a pause. Raises DatabaseError."""


async def repeat(step: Callable[[], Awaitable[None]], *, until: Callable[[], bool]) -> None:
    """Runs a step again and again; an outage of the database only slows it down."""
    outage = Outage()
    while not until():
        try:
            await step()
        except (OperationalError, InterfaceError) as error:
            outage.go_on(error)
            await asyncio.sleep(RETRY_DATABASE)
        except Exception:
            log.exception("unexpected error in the courier")
            await asyncio.sleep(RETRY_DATABASE)
        else:
            outage.end()
