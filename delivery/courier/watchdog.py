"""Does this courier still get anywhere?

A loop that is blocked in one body, or a claim that hangs in a socket, leaves a worker that is up
and delivers nothing for ever. What helps is a new process: the claims run out, and mail goes on.
"""

import asyncio
import faulthandler
import logging
import os
import threading
from types import TracebackType
from typing import Self

from delivery.courier.database_threads import DatabaseThreads

log = logging.getLogger(__name__)

LOOK_INTERVAL = 5.0  # seconds
LOOP_PATIENCE = 60.0  # seconds
# Who waits for a lock gets an error before: see `fastsmtp.waits`.
DATABASE_PATIENCE = 120.0  # seconds of one claim, or of one recording
LAST_WORDS = 10.0  # seconds for the log
WATCHED = ("claim", "record")
STDERR = 2  # Celery has put something else in the place of `sys.stderr`


class Standstill:
    """For how many looks in a row the same thing has been under way. Looks, and no clock: a process
    that was frozen has all its time once it goes on."""

    def __init__(self) -> None:
        self._thing: object | None = None
        self._looks = 0

    def looks(self, thing: object | None) -> int:
        """One more look; None: nothing is under way."""
        self._looks = self._looks + 1 if thing is not None and thing is self._thing else 0
        self._thing = thing
        return self._looks


class Watchdog:
    """Around all that the courier does on its loop. Ends the process when nothing moves."""

    def __init__(self, database: DatabaseThreads) -> None:
        self._loop = asyncio.get_running_loop()
        self._database = database
        self._question: object | None = None  # to the loop, not answered yet
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        loop, threads = Standstill(), {name: Standstill() for name in WATCHED}
        while not self._stopping.wait(LOOK_INTERVAL):
            if loop.looks(self._question) >= LOOP_PATIENCE / LOOK_INTERVAL:
                _end("loop", LOOP_PATIENCE)
            self._ask()
            for name, thread in threads.items():
                looks = thread.looks(self._database.under_way(name))
                if looks >= DATABASE_PATIENCE / LOOK_INTERVAL:
                    _end(name, DATABASE_PATIENCE)

    def _ask(self) -> None:
        if self._question is None:
            self._question = object()
            self._loop.call_soon_threadsafe(self._answer)

    def _answer(self) -> None:
        self._question = None


def _end(name: str, seconds: float) -> None:
    # What hangs may be the log: then this ends the process without a word.
    hard_end = threading.Timer(LAST_WORDS, os._exit, [1])
    hard_end.daemon = True
    hard_end.start()
    log.critical("the courier's %s has not moved for %g s; the worker ends", name, seconds)
    faulthandler.dump_traceback(STDERR)
    os._exit(1)
