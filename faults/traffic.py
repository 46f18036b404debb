"""Load and receiver together: mail goes out over SMTP and comes back as webhooks, all the time."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from benchmarks.load import Load, LoadRun
from benchmarks.receiver import Receiver
from benchmarks.sent import Sent
from harness.waiting import wait_until

RATE = 80.0  # mails per second
CONNECTIONS = 8
SIZE = 2048  # bytes
RETRY_DELAY = 0.5  # seconds until a sender tries again; a real queue waits for minutes
LONGEST_RUN = 100.0  # seconds until what has no reply counts as unanswered


class Traffic:
    """For the length of a `with` block. `sent` has what became of every mail of all loads."""

    def __init__(self) -> None:
        self.receiver = Receiver()
        self.sent: list[Sent] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="traffic")

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self.receiver.start())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._run(self.receiver.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def forget(self) -> None:
        """What was sent and received until now."""
        self.sent.clear()
        self.receiver.received.clear()
        self.receiver.delivered.clear()

    @contextmanager
    def load(self, *, port: int, recipient: str, rate: float = RATE) -> Iterator[None]:
        """Mails at a steady rate inside the block; at its end waits until each has its reply."""
        load = Load(
            port=port,
            recipients=[recipient],
            connections=CONNECTIONS,
            size=SIZE,
            rate=rate,
            seconds=LONGEST_RUN,
            retry_delay=RETRY_DELAY,
            timeout=LONGEST_RUN,
        )
        with self.loads(load):
            yield

    @contextmanager
    def loads(self, *loads: Load) -> Iterator[list[LoadRun]]:
        """The same with any loads, side by side."""
        runs = [LoadRun(load) for load in loads]
        results = [asyncio.run_coroutine_threadsafe(run.finish(), self._loop) for run in runs]
        try:
            yield runs
        finally:
            for run in runs:
                self._loop.call_soon_threadsafe(run.stop_making)
            self.sent += [mail for result in results for mail in result.result().sent]

    def wait_for_mails(self, count: int, *, timeout: float = 30) -> None:
        """Until `count` more have arrived; raises TimeoutError (seconds)."""
        expected = len(self.receiver.delivered) + count
        wait_until(lambda: len(self.receiver.delivered) >= expected, timeout=timeout)

    def _run[T](self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()
