"""Chores are done until the server stops, whatever goes wrong in them."""

import asyncio

import pytest

from ingest.chores import repeat


def do(outcomes: list[Exception | None]) -> None:
    """A chore that comes to these, one after the other; with the last, the server stops."""

    async def run() -> None:
        stopping = asyncio.Event()
        left = iter(outcomes)
        count = 0

        async def work() -> None:
            nonlocal count
            count += 1
            if count == len(outcomes):
                stopping.set()
            if error := next(left):
                raise error

        await repeat(work, name="dusting", interval=0, stopping=stopping)
        assert count == len(outcomes)

    asyncio.run(run())


def test_an_error_is_logged_once_of_a_kind(caplog: pytest.LogCaptureFixture) -> None:
    do([None, ValueError("one"), ValueError("two"), KeyError("three"), None, ValueError("four")])
    assert [record.getMessage() for record in caplog.records] == [
        "unexpected error, dusting goes on",
        "unexpected error, dusting goes on",
    ]
    assert [str(record.exc_info[1]) for record in caplog.records if record.exc_info] == [
        "one",
        "'three'",
    ]


def test_a_server_that_stops_does_it_once_more() -> None:
    async def run() -> int:
        stopping = asyncio.Event()
        count = 0

        async def work() -> None:
            nonlocal count
            count += 1

        task = asyncio.create_task(repeat(work, name="dusting", interval=3600, stopping=stopping))
        await asyncio.sleep(0)
        stopping.set()
        await task
        return count

    assert asyncio.run(run()) == 1
