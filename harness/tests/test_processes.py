"""Processes of the harness end with it, whatever ends it, and tell why they ended themselves."""

import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from harness.processes import Process, ProcessFailed, catches, free_port, is_listening
from harness.waiting import wait_until

SLEEP = "import time; print('ready', flush=True); time.sleep(60)"
PARENT = f"""
import subprocess, sys
subprocess.Popen([sys.executable, "-c", {SLEEP!r}])
{SLEEP}
"""
HARNESS = f"""
import sys, time
from pathlib import Path
from harness.processes import Process
print(Process([sys.executable, "-c", {SLEEP!r}], log=Path(sys.argv[1])).pid, flush=True)
time.sleep(60)
"""


def start(program: str, folder: Path, *arguments: str) -> Process:
    process = Process([sys.executable, "-c", program, *arguments], log=folder / "program.log")
    process.wait_until(lambda: bool(process.tail()))
    return process


def is_gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_child_ends_when_the_harness_is_killed(tmp_path: Path) -> None:
    harness = start(HARNESS, tmp_path, str(tmp_path / "child.log"))
    child = int(harness.tail())
    assert not is_gone(child)
    harness.send_signal(signal.SIGKILL)
    wait_until(lambda: is_gone(child))


def test_a_kill_takes_the_children_along(tmp_path: Path) -> None:
    process = start(PARENT, tmp_path)
    (child,) = psutil.Process(process.pid).children()
    process.kill()
    wait_until(lambda: is_gone(child.pid))
    assert not process.is_running


def test_an_orderly_end_tells_the_exit_status(tmp_path: Path) -> None:
    program = "import signal, sys; signal.signal(15, lambda *_: sys.exit(7)); "
    assert start(program + SLEEP, tmp_path).end() == 7


def test_a_start_that_fails_shows_its_last_words(tmp_path: Path) -> None:
    process = Process([sys.executable, "-c", "exit('no such port')"], log=tmp_path / "smtp.log")
    with pytest.raises(ProcessFailed, match=r"smtp ended:\nno such port"):
        process.wait_until(lambda: False)


def test_a_start_that_never_ends_shows_its_last_words(tmp_path: Path) -> None:
    process = start(SLEEP, tmp_path)
    with pytest.raises(ProcessFailed, match=r"program is not ready after 0\.1 s:\nready"):
        process.wait_until(lambda: False, timeout=0.1)
    process.kill()


def test_a_free_port_has_no_listener() -> None:
    assert not is_listening(free_port())


def test_two_workers_of_a_test_run_never_choose_the_same_port(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def choose(worker: str) -> set[int]:
        monkeypatch.setenv("PYTEST_XDIST_WORKER", worker)
        return {free_port() for _ in range(300)}

    assert choose("gw0").isdisjoint(choose("gw1"))


def test_a_process_that_handles_a_signal_is_told_from_one_that_ends_by_it() -> None:
    before = signal.signal(signal.SIGUSR1, lambda *_: None)
    assert catches(os.getpid(), signal.SIGUSR1)
    signal.signal(signal.SIGUSR1, before)
    assert not catches(os.getpid(), signal.SIGUSR1)
    with pytest.raises(psutil.NoSuchProcess):
        catches(2**22 + 1, signal.SIGUSR1)
