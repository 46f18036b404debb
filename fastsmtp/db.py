"""Database work in threads that live as long as their process.

Django closes broken connections at the borders of a web request; a thread of ours has no such
border. `unit_of_work` is it: after a database error the connection is given up, so the next unit
starts on a fresh one and an outage needs no restart.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DatabaseError, InterfaceError, connection


@contextmanager
def unit_of_work() -> Iterator[None]:
    """One piece of work on this thread's own, kept connection."""
    try:
        yield
    except (DatabaseError, InterfaceError):
        connection.close()
        raise


def release_connection() -> None:
    """Before a thread ends or rests: gives its connection back to the pool."""
    connection.close()
