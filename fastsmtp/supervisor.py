"""Keeps the programs of one installation running, and leaves nothing behind.

Each program is a direct child, tied to this process (see `fastsmtp.lifeline`) and in a session of
its own, so that Ctrl-C in a terminal reaches only us and is passed on once, in order. A program
that ends is started again after 1, 2, 4 … 30 s. honcho was the alternative: it stops everything
when one program ends, and its intermediate processes outlive a kill of the parent.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import Self

import structlog

from fastsmtp import lifeline

POLL_INTERVAL = 0.1  # seconds
GRACE = 5.0  # seconds beyond the shutdown timeout until a child is killed
START_PERIOD = 10.0  # seconds in which a program finds out that it cannot work at all
HEALTHY_AFTER = 60.0  # seconds of life after which an end counts as the first one again
LONGEST_PAUSE = 30.0  # seconds

log = structlog.get_logger()


class StartFailed(Exception):
    """A program gave up right after its first start; it has told the reason itself."""


@dataclass(frozen=True)
class Program:
    name: str
    command: Sequence[str]

    @classmethod
    def of_ours(cls, name: str, *arguments: str) -> Self:
        """One of our own commands, which leaves the checks to its parent."""
        return cls(name, [sys.executable, "-P", "-m", "fastsmtp", *arguments, "--skip-checks"])


class _Child:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.starts = 0
        self._pause = 1.0
        self._due_at = 0.0
        self.start()

    def start(self) -> None:
        self.starts += 1
        self._started_at = time.monotonic()
        self.process: subprocess.Popen[bytes] | None = subprocess.Popen(
            self.program.command,
            env=lifeline.environment(),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    def tend(self) -> None:
        """Notices the end of the program and starts it again when the pause is over."""
        if self.process is None:
            if time.monotonic() >= self._due_at:
                self.start()
        elif self.process.poll() is not None:
            self._note_end(self.process.returncode)

    def _note_end(self, status: int) -> None:
        age = time.monotonic() - self._started_at
        if self.starts == 1 and status > 0 and age < START_PERIOD:
            raise StartFailed(self.program.name)
        if age > HEALTHY_AFTER:
            self._pause = 1.0
        log.error(
            f"{self.program.name} ended, starting it again in {self._pause:g} s", status=status
        )
        self.process = None
        self._due_at = time.monotonic() + self._pause
        self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def terminate(self) -> None:
        if self.process is not None:
            self.process.terminate()

    def kill(self) -> None:
        if self.process is not None and self.is_running():
            log.error(f"{self.program.name} did not stop in time and was killed")
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


class Supervisor:
    """A `with` block, at whose end everything that was started has stopped."""

    def __init__(self, *, shutdown_timeout: float) -> None:
        self._shutdown_timeout = shutdown_timeout
        self._generations: list[list[_Child]] = []
        self._stop_requests = 0

    def __enter__(self) -> Self:
        signal.signal(signal.SIGINT, self._request_stop)
        signal.signal(signal.SIGTERM, self._request_stop)
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # nohup
            signal.signal(signal.SIGHUP, self._request_stop)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """The last started stop first, those started together at the same time."""
        for generation in reversed(self._generations):
            self._stop(generation)

    def _request_stop(self, number: int, frame: FrameType | None) -> None:
        self._stop_requests += 1

    @property
    def is_stopping(self) -> bool:
        return self._stop_requests > 0

    def start(self, *programs: Program) -> None:
        """Call it from the main thread. Who is asked to stop starts nothing more."""
        if self.is_stopping:
            return
        generation: list[_Child] = []
        self._generations.append(generation)
        for program in programs:
            generation.append(_Child(program))

    def watch(self, *, until: Callable[[], bool] = lambda: False) -> None:
        """Keeps all running until a signal asks to stop, or until the condition holds.

        Raises StartFailed.
        """
        while not self.is_stopping:
            for generation in self._generations:
                for child in generation:
                    child.tend()
            if until():
                return
            time.sleep(POLL_INTERVAL)

    def _stop(self, generation: list[_Child]) -> None:
        # A child ends its work at the deadline and then still has to say what came of it.
        deadline = time.monotonic() + self._shutdown_timeout + GRACE
        for child in generation:
            child.terminate()
        # Who asks twice does not want to wait.
        while time.monotonic() < deadline and self._stop_requests < 2:
            if not any(child.is_running() for child in generation):
                return
            time.sleep(POLL_INTERVAL)
        for child in generation:
            child.kill()
