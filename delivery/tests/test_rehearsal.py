"""A suspect's body is built in a child first: what becomes of the child, and of those who wait."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from delivery.courier import rehearsal
from delivery.courier.rehearsal import Deadly, NoTurn, Rehearsal
from delivery.tests import deadly
from delivery.tests.plain_jobs import make_job
from fastsmtp import lifeline
from harness.waiting import wait_until

PATIENCE = 60.0  # seconds
BODY = b"\r\n\r\nHello\r\n"


@pytest.fixture(autouse=True)
def _choking_children(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of this process; see `delivery.tests.deadly`."""
    monkeypatch.syspath_prepend(deadly.FOLDER)


def _rehearse(play: Callable[[Rehearsal], Awaitable[None]]) -> None:
    async def run() -> None:
        rehearsal = Rehearsal()
        try:
            await play(rehearsal)
        finally:
            rehearsal.close()

    asyncio.run(run())
    assert _children() == []


async def _try_out(rehearsal: Rehearsal, subject: str, *, size: int = 0) -> None:
    raw = f"Subject: {subject}".encode() + BODY + b"x" * size
    await rehearsal.try_out(make_job(raw=None if size else raw), raw, patience=PATIENCE)


def _children() -> list[psutil.Process]:
    """Those of rehearsals: a broker of other tests may be there as well."""
    mine = psutil.Process().children()
    return [child for child in mine if child.name() != "redis-server"]


def test_only_the_one_that_ends_the_child_is_to_blame() -> None:
    mails = {
        "harmless": None,
        "deadly": Deadly,
        "harmless, after a death": None,
        "odd": None,  # an ordinary error, which the worker will see, too
        "enormous": Deadly,
        "harmless, the last": None,
    }

    async def play(rehearsal: Rehearsal) -> None:
        for size in (0, 10_000_000):
            tries = [_try_out(rehearsal, subject, size=size) for subject in mails]
            ends = await asyncio.gather(*tries, return_exceptions=True)
            assert [end and type(end) for end in ends] == list(mails.values())

    _rehearse(play)


def test_one_child_for_all_that_survive() -> None:
    async def play(rehearsal: Rehearsal) -> None:
        await _try_out(rehearsal, "harmless")
        (child,) = _children()
        await asyncio.gather(*(_try_out(rehearsal, "harmless") for _ in range(3)))
        assert _children() == [child]

    _rehearse(play)


def test_one_without_an_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(rehearsal: Rehearsal) -> None:
        await _try_out(rehearsal, "harmless")
        monkeypatch.setattr("delivery.courier.rehearsal.LONGEST_REHEARSAL", timedelta(seconds=0.2))
        with pytest.raises(Deadly):
            await _try_out(rehearsal, "endless")

    _rehearse(play)


def test_who_has_to_wait_too_long_says_nothing() -> None:
    async def play(rehearsal: Rehearsal) -> None:
        endless = asyncio.create_task(_try_out(rehearsal, "endless"))
        await asyncio.to_thread(wait_until, _children)
        with pytest.raises(NoTurn):
            await rehearsal.try_out(make_job(), BODY, patience=0.01)
        endless.cancel()

    _rehearse(play)


def test_the_child_goes_when_nobody_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearsal, "IDLE", 0.01)

    async def play(rehearsal: Rehearsal) -> None:
        await _try_out(rehearsal, "harmless")
        await asyncio.to_thread(wait_until, lambda: not _children())

    _rehearse(play)


def test_a_child_that_somebody_else_has_killed_is_nobodys_fault() -> None:
    async def play(rehearsal: Rehearsal) -> None:
        await _try_out(rehearsal, "harmless")
        (child,) = _children()
        child.kill()
        await asyncio.to_thread(wait_until, lambda: child.status() == psutil.STATUS_ZOMBIE)
        await _try_out(rehearsal, "harmless")

    _rehearse(play)


@pytest.mark.parametrize("python", ["/nowhere/python", "/bin/false"])
def test_without_any_child_nobody_is_held_back(
    monkeypatch: pytest.MonkeyPatch, python: str
) -> None:
    monkeypatch.setattr(sys, "executable", python)
    _rehearse(lambda rehearsal: _try_out(rehearsal, "deadly"))


def test_a_child_that_is_being_started_holds_up_no_stop(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """One that is never ready, and is there only when all have been told to end."""
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexec sleep 600\n")
    python.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setattr(rehearsal, "STARTING", 600.0)
    start, starting = subprocess.Popen, threading.Event()

    async def play(rehearsal: Rehearsal) -> None:
        def start_late(*args: Any, **options: Any) -> subprocess.Popen[bytes]:
            starting.set()
            wait_until(lambda: rehearsal._is_closed)
            return start(*args, **options)

        monkeypatch.setattr(subprocess, "Popen", start_late)
        trying = asyncio.create_task(_try_out(rehearsal, "harmless"))
        await asyncio.to_thread(starting.wait)
        trying.cancel()

    _rehearse(play)


PARENT = """
import asyncio
import django
django.setup()
from delivery.courier.rehearsal import Rehearsal
from delivery.tests.plain_jobs import make_job

async def main():
    rehearsal = Rehearsal()
    await rehearsal.try_out(make_job(), b"Subject: harmless", patience=60)
    print(rehearsal._child.pid, flush=True)
    await asyncio.to_thread(input)

asyncio.run(main())
"""


def test_the_child_ends_with_a_worker_that_is_killed() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**lifeline.environment(), "DJANGO_SETTINGS_MODULE": "fastsmtp.settings"},
    )
    with parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
    wait_until(lambda: not psutil.pid_exists(child), timeout=PATIENCE)
