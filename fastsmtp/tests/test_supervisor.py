"""Real processes: a script with a supervisor, whose programs write down what happens to them."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from fastsmtp import lifeline
from harness.waiting import wait_until

pytestmark = pytest.mark.embedded

SUPERVISOR = """
import sys
from fastsmtp.supervisor import Program, StartFailed, Supervisor

def program(name, text):
    return Program(name, [sys.executable, "-c", text, name])

with Supervisor(shutdown_timeout=float(sys.argv[1])) as supervisor:
    try:
        for number, text in enumerate(sys.argv[2:]):
            supervisor.start(program(f"program-{number}", text))
        supervisor.watch()
    except StartFailed as error:
        sys.exit(f"{error} did not start")
"""

# Each appends to the file `events` of its folder; after `ready` it can be stopped.
BEGINNING = """
import os, signal, sys, time
from fastsmtp.lifeline import die_with_parent
die_with_parent()
name = sys.argv[1]
def note(event):
    with open("events", "a") as file:
        file.write(f"{name} {event} {os.getpid()}\\n")
"""
SLEEPER = (
    BEGINNING
    + """
def stop(*_):
    note("stopped")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
note("ready")
while True:
    time.sleep(60)
"""
)
STUBBORN = (
    BEGINNING
    + """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
note("ready")
while True:
    time.sleep(60)
"""
)
REFUSING = BEGINNING + "sys.exit(3)"


class Run:
    def __init__(self, folder: Path, process: subprocess.Popen[str]) -> None:
        self._events = folder / "events"
        self.process = process

    def events(self, name: str) -> list[list[str]]:
        """Program and process id of each event of that name so far."""
        if not self._events.exists():
            return []
        lines = [line.split() for line in self._events.read_text().splitlines()]
        return [[program, pid] for program, event, pid in lines if event == name]

    def wait_for(self, name: str, *, count: int) -> list[int]:
        wait_until(lambda: len(self.events(name)) >= count)
        return [int(pid) for _, pid in self.events(name)]

    def finish(self) -> tuple[int, str]:
        said, _ = self.process.communicate(timeout=30)
        return self.process.returncode, said


@contextmanager
def supervise(folder: Path, *programs: str, shutdown_timeout: float = 30) -> Iterator[Run]:
    process = subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR, str(shutdown_timeout), *programs],
        cwd=folder,
        env=lifeline.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield Run(folder, process)
    finally:
        process.kill()
        process.communicate()


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_stop_ends_the_last_started_first_and_is_clean(tmp_path: Path) -> None:
    with supervise(tmp_path, SLEEPER, SLEEPER) as run:
        pids = run.wait_for("ready", count=2)
        run.process.terminate()
        status, _ = run.finish()
    assert status == 0
    assert [program for program, _ in run.events("stopped")] == ["program-1", "program-0"]
    assert all(is_gone(pid) for pid in pids)


def test_nothing_survives_a_kill_of_the_supervisor(tmp_path: Path) -> None:
    with supervise(tmp_path, SLEEPER, STUBBORN) as run:
        pids = run.wait_for("ready", count=2)
        run.process.kill()
        run.finish()
    wait_until(lambda: all(is_gone(pid) for pid in pids))


def test_a_program_that_ends_is_started_again(tmp_path: Path) -> None:
    with supervise(tmp_path, SLEEPER, SLEEPER) as run:
        first, other = run.wait_for("ready", count=2)
        os.kill(first, signal.SIGKILL)
        run.wait_for("ready", count=3)
        assert not is_gone(other)
        run.process.terminate()
        status, said = run.finish()
    assert status == 0
    assert "ended, starting it again in 1 s" in said


def test_a_program_that_cannot_start_stops_everything(tmp_path: Path) -> None:
    with supervise(tmp_path, SLEEPER, REFUSING) as run:
        status, said = run.finish()
    assert status == 1
    assert said.strip() == "program-1 did not start"
    assert all(is_gone(int(pid)) for _, pid in run.events("ready"))


def test_a_stubborn_program_is_killed_when_the_time_is_over(tmp_path: Path) -> None:
    with supervise(tmp_path, STUBBORN, shutdown_timeout=0.5) as run:
        (pid,) = run.wait_for("ready", count=1)
        run.process.terminate()
        status, said = run.finish()
    assert status == 0
    assert "did not stop in time and was killed" in said
    assert is_gone(pid)


def test_a_second_signal_does_not_wait(tmp_path: Path) -> None:
    with supervise(tmp_path, STUBBORN, shutdown_timeout=3600) as run:
        (pid,) = run.wait_for("ready", count=1)
        run.process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            run.process.wait(timeout=0.5)
        run.process.send_signal(signal.SIGINT)
        run.finish()
    assert is_gone(pid)


def test_a_terminal_reaches_only_the_supervisor(tmp_path: Path) -> None:
    with supervise(tmp_path, SLEEPER) as run:
        (pid,) = run.wait_for("ready", count=1)
        assert os.getsid(pid) == pid
        assert os.getpgid(pid) == pid
