"""Locks that somebody else holds, in a session of his own."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from delivery.models import Lane


@contextmanager
def locked_lanes() -> Iterator[None]:
    """Somebody looks into them by hand, in a transaction that stays open."""
    session = connection.copy()
    session.set_autocommit(False)
    with session.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {Lane._meta.db_table} FOR UPDATE")
    yield
    session.rollback()
    session.close()
