"""Databases of their own for the tests of our SQLite backend, whatever the suite runs on."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db.utils import ConnectionHandler

from fastsmtp.database import DatabaseURL
from fastsmtp.sqlite.base import DatabaseWrapper


@contextmanager
def connected(path: Path) -> Iterator[DatabaseWrapper]:
    """A connection as each thread and process has its own; there is a table `mails (number)`."""
    url = DatabaseURL(engine="sqlite", name=str(path))
    connection = ConnectionHandler({"default": url.for_django(max_connections=1)})["default"]
    assert isinstance(connection, DatabaseWrapper)
    try:
        execute(connection, "CREATE TABLE IF NOT EXISTS mails (number integer)")
        yield connection
    finally:
        connection.close()


@contextmanager
def in_transaction(connection: DatabaseWrapper) -> Iterator[None]:
    """What `transaction.atomic` does, which knows only the connections of the settings."""
    connection.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)
    try:
        yield
        connection.commit()
    finally:
        connection.rollback()
        connection.set_autocommit(True)


def execute(connection: DatabaseWrapper, statement: str) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


def add(connection: DatabaseWrapper) -> None:
    execute(connection, "INSERT INTO mails SELECT 1 + count(*) FROM mails")


def numbers(connection: DatabaseWrapper) -> list[object]:
    return [number for (number,) in execute(connection, "SELECT number FROM mails ORDER BY 1")]
