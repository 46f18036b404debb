"""A suspect's body is built in a child process first, which may die of it.

One at a time: the one that was in there when the child died is to blame. The child stays for the
next one, and goes when none comes for a while.
"""

import asyncio
import logging
import pickle
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from threading import Timer

from delivery.courier import rehearse
from delivery.courier.suspicion import LONGEST_REHEARSAL
from delivery.jobs import Job
from fastsmtp import lifeline

log = logging.getLogger(__name__)

STARTING = 120.0  # seconds that the child may take until it is ready
IDLE = 60.0  # seconds after which the child is ended


class Deadly(Exception):
    """The process that built the body died, or would not have come to an end."""


class NoTurn(Exception):
    """Others were rehearsed for too long."""


class Rehearsal:
    """Only on the courier's loop."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        # The kernel ends the child with the thread that started it, which is this one.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="rehearse")
        self._child: subprocess.Popen[bytes] | None = None
        self._rest: asyncio.TimerHandle | None = None
        self._is_closed = False

    async def try_out(self, job: Job, raw: bytes, *, patience: float) -> None:
        """Waits so many seconds for its turn. Raises NoTurn, Deadly."""
        try:
            async with asyncio.timeout(patience):
                await self._turn.acquire()
        except TimeoutError:
            raise NoTurn from None
        try:
            if not await self._in_thread(job, raw):
                raise Deadly
        finally:
            self._turn.release()

    def close(self) -> None:
        """Whoever is being rehearsed is not waited for."""
        self._is_closed = True  # for a child that is being started
        if self._rest is not None:
            self._rest.cancel()
        if self._child is not None:
            self._child.kill()
        self._thread.submit(self._end)
        self._thread.shutdown()

    async def _in_thread(self, job: Job, raw: bytes) -> bool:
        loop = asyncio.get_running_loop()
        if self._rest is not None:
            self._rest.cancel()
        try:
            return await loop.run_in_executor(self._thread, self._survives, job, raw)
        finally:
            self._rest = loop.call_later(IDLE, self._thread.submit, self._end)

    def _survives(self, job: Job, raw: bytes) -> bool:
        """Where there can be no child everybody does, and it is as it was without rehearsals."""
        if self._child is not None and self._child.poll() is not None:
            self._end()
        if self._is_closed or (self._child is None and not self._start()):
            return True
        assert self._child is not None
        survives = _builds(self._child, job, raw)
        if not survives:
            self._end()
        return survives

    def _start(self) -> bool:
        try:
            self._child = subprocess.Popen(
                [sys.executable, "-P", "-m", rehearse.__name__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=lifeline.environment(),
                start_new_session=True,
            )
        except OSError:
            log.exception("suspects cannot be tried out")
            return False
        if self._is_closed:
            self._child.kill()
        with _limited(self._child, STARTING):
            is_ready = _is_alive(self._child)
        if not is_ready:
            log.error("suspects cannot be tried out: the child ended at once")
            self._end()
        return is_ready

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            with suppress(BrokenPipeError), child:  # closes the pipes and waits
                pass


def _builds(child: subprocess.Popen[bytes], job: Job, raw: bytes) -> bool:
    assert child.stdin is not None
    with _limited(child, LONGEST_REHEARSAL.total_seconds()):
        with suppress(BrokenPipeError):
            pickle.dump((job, raw), child.stdin)
            child.stdin.flush()
        return _is_alive(child)


def _is_alive(child: subprocess.Popen[bytes]) -> bool:
    assert child.stdout is not None
    return child.stdout.read(1) == rehearse.ALIVE


@contextmanager
def _limited(child: subprocess.Popen[bytes], seconds: float) -> Iterator[None]:
    """One that takes longer is killed."""
    limit = Timer(seconds, child.kill)
    limit.start()
    try:
        yield
    finally:
        limit.cancel()
