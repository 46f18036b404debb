"""A 250 is a promise: with SQLite too it outlives a power loss."""

from contextlib import suppress
from pathlib import Path

import pytest

from fastsmtp.tests.sqlite_files import add, connected, execute, in_transaction, numbers

pytestmark = [pytest.mark.django_db, pytest.mark.embedded]

FULL = 2  # sqlite.org/pragma.html#pragma_synchronous


def test_every_connection_waits_for_the_disk(tmp_path: Path) -> None:
    """`journal_mode` is kept in the file, `synchronous` is not."""
    for _ in range(2):
        with connected(tmp_path / "mails") as connection:
            assert execute(connection, "PRAGMA synchronous") == [(FULL,)]
            assert execute(connection, "PRAGMA journal_mode") == [("wal",)]


def test_references_are_checked(tmp_path: Path) -> None:
    with connected(tmp_path / "mails") as connection:
        assert execute(connection, "PRAGMA foreign_keys") == [(1,)]


def test_what_is_committed_is_there_and_what_is_not_is_gone(tmp_path: Path) -> None:
    with connected(tmp_path / "mails") as connection:
        with in_transaction(connection):
            add(connection)
        with suppress(ZeroDivisionError), in_transaction(connection):
            add(connection)
            raise ZeroDivisionError
    with connected(tmp_path / "mails") as connection:
        assert numbers(connection) == [1]
