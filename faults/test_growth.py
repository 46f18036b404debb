"""A process that grows is told from one that becomes warm, from one that breathes, and from the
next one of its name."""

import os
import signal
import socket
from collections.abc import Iterator

import pytest

from faults.growth import LEAST_LIFE, WARM_UP, Growth, Reading, Trend, find_trend

pytestmark = pytest.mark.embedded

LIFE = WARM_UP + 4 * LEAST_LIFE


def reading(at: float, *, memory: float = 100, files: float = 20, database: float = 5) -> Reading:
    return Reading(at, memory, files, receiver=10, database=database, broker=3)


def trend(readings: list[Reading]) -> Trend:
    found = find_trend("worker", readings)
    assert found is not None
    return found


def test_a_steady_process_does_not_grow() -> None:
    assert trend([reading(at) for at in range(LIFE)]).grown() == []


def test_memory_that_grows_all_the_time_is_found() -> None:
    (sentence,) = trend([reading(at, memory=100 + at) for at in range(LIFE)]).grown()
    assert sentence.startswith("worker: memory grew from")


def test_connections_that_are_not_given_back_are_found() -> None:
    (sentence,) = trend([reading(at, database=5 + at // 5) for at in range(LIFE)]).grown()
    assert sentence.startswith("worker: database grew from")


def test_files_that_stay_open_are_found() -> None:
    (sentence,) = trend([reading(at, files=20 + 3 * at) for at in range(LIFE)]).grown()
    assert sentence.startswith("worker: files grew from")


def test_becoming_warm_is_no_growth() -> None:
    readings = [reading(at, memory=100 if at < WARM_UP else 180) for at in range(LIFE)]
    assert trend(readings).grown() == []


def test_a_large_mail_now_and_then_is_no_growth() -> None:
    readings = [reading(at, memory=300 if at % 10 == 9 else 100) for at in range(LIFE)]
    assert trend(readings).grown() == []


def test_of_a_short_life_nothing_can_be_said() -> None:
    assert find_trend("worker", [reading(at) for at in range(WARM_UP + LEAST_LIFE - 1)]) is None


@pytest.fixture
def catching_sigterm() -> Iterator[None]:
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("catching_sigterm")
def test_a_process_is_read_with_its_children_and_connections() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        growth = Growth(receiver=2, database=port, broker=1)
        with socket.create_connection(("127.0.0.1", port)):
            for at in range(LIFE):
                growth.sample({"worker": os.getpid()}, at=at)
    (found,) = growth.trends()
    assert (found.name, found.first.database) == ("worker", 1)
    assert found.first.memory > 0


def test_a_process_that_is_being_started_does_not_count() -> None:
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    growth = Growth(receiver=2, database=None, broker=1)
    for at in range(LIFE):
        growth.sample({"worker": os.getpid()}, at=at)
    assert growth.trends() == []


def test_a_process_that_is_gone_is_passed_over() -> None:
    growth = Growth(receiver=2, database=None, broker=1)
    growth.sample({"worker": 2**22 + 1}, at=0)
    assert growth.trends() == []
