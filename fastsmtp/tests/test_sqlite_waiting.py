"""Many threads and processes write to one SQLite file: they take turns, and readers never wait."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.db import OperationalError

from fastsmtp.sqlite import base
from fastsmtp.tests.sqlite_files import add, connected, execute, in_transaction, numbers

pytestmark = [pytest.mark.django_db, pytest.mark.embedded]

WRITERS = 4
TURNS = 25


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mails"


def test_writers_take_turns(path: Path) -> None:
    """Each reads, then writes what follows from it: nobody is refused, nobody writes twice."""

    def write(_: int) -> None:
        with connected(path) as connection:
            for _ in range(TURNS):
                with in_transaction(connection):
                    add(connection)

    with connected(path) as connection:
        with ThreadPoolExecutor(WRITERS) as threads:
            list(threads.map(write, range(WRITERS)))
        assert numbers(connection) == list(range(1, WRITERS * TURNS + 1))


def test_a_transaction_waits_at_its_beginning(path: Path) -> None:
    """Later it could only be refused: what it has read would be out of date."""
    has_begun = threading.Event()

    def write() -> None:
        with connected(path) as connection, in_transaction(connection):
            has_begun.set()

    with connected(path) as connection:
        with in_transaction(connection):
            writer = threading.Thread(target=write)
            writer.start()
            assert not has_begun.wait(0.2)
        writer.join()
    assert has_begun.is_set()


def test_a_reader_does_not_wait_and_sees_what_is_committed(path: Path) -> None:
    with connected(path) as writer, connected(path) as reader:
        with in_transaction(writer):
            add(writer)
            assert numbers(reader) == []
        assert numbers(reader) == [1]


def test_a_statement_outside_of_a_transaction_waits_too(path: Path) -> None:
    def write() -> None:
        with connected(path) as connection:
            add(connection)

    with connected(path) as connection:
        with in_transaction(connection):
            add(connection)
            writer = threading.Thread(target=write)
            writer.start()
            writer.join(0.2)
            assert writer.is_alive()
        writer.join()
        assert numbers(connection) == [1, 2]


def test_waiting_has_an_end(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "BUSY_TIMEOUT", 0.05)
    with connected(path) as holder, connected(path) as connection:
        with (
            in_transaction(holder),
            pytest.raises(OperationalError, match=r"stayed locked for 0\.05 s"),
            in_transaction(connection),
        ):
            pytest.fail("two transactions at once")
        # It is as good as new.
        assert execute(connection, "PRAGMA busy_timeout") == [(50,)]
        with in_transaction(connection):
            add(connection)
        assert numbers(connection) == [1]


def test_another_error_is_not_waited_for(path: Path) -> None:
    with (
        connected(path) as connection,
        in_transaction(connection),
        pytest.raises(OperationalError, match="within a transaction"),
    ):
        connection._start_transaction_under_autocommit()
