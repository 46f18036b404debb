"""Trouble with the database, made in the database itself."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction


@contextmanager
def table_away(name: str) -> Iterator[None]:
    """Every statement on the table fails, on connections that are open as on new ones."""
    _execute(f"ALTER TABLE {name} RENAME TO {name}_away")
    try:
        yield
    finally:
        _execute(f"ALTER TABLE {name}_away RENAME TO {name}")


@contextmanager
def poisonous_subject() -> Iterator[None]:
    """A message of the subject `poison` cannot be stored."""
    if connection.vendor == "sqlite":
        _execute(
            "CREATE TRIGGER no_poison BEFORE INSERT ON messages WHEN NEW.subject = 'poison'"
            " BEGIN SELECT RAISE(ABORT, 'no poison'); END"
        )
        undo = "DROP TRIGGER no_poison"
    else:
        _execute("ALTER TABLE messages ADD CONSTRAINT no_poison CHECK (subject <> 'poison')")
        undo = "ALTER TABLE messages DROP CONSTRAINT no_poison"
    try:
        yield
    finally:
        _execute(undo)


@contextmanager
def writers_wait() -> Iterator[None]:
    """Nobody else can store a message until the block ends."""
    with transaction.atomic():  # on SQLite this is the lock already
        if connection.vendor == "postgresql":
            _execute("LOCK TABLE messages IN EXCLUSIVE MODE")
        yield


def cut_other_connections() -> None:
    """As a failing network or a restarting PostgreSQL does."""
    _execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )


def _execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
