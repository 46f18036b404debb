"""Database work in threads that live as long as their process.

Django closes broken connections at the borders of a web request; a thread of ours has no such
border. `unit_of_work` is it: after a database error the connection is given up, so the next unit
starts on a fresh one and an outage needs no restart.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import (
    DEFAULT_DB_ALIAS,
    DatabaseError,
    InterfaceError,
    OperationalError,
    connection,
    connections,
)

# With these PostgreSQL ends a session in whose transaction nothing happened for too long, or which
# took too long. They are of the class of invalid transaction states, so psycopg and Django take
# them for an error of ours; but it is the connection that is lost, and trying again helps.
_SESSION_ENDED = ("25P03", "25P04")


@contextmanager
def unit_of_work() -> Iterator[None]:
    """One piece of work on this thread's own, kept connection. A connection that was lost is an
    OperationalError or InterfaceError, however its loss is told."""
    try:
        yield
    except (DatabaseError, InterfaceError) as error:
        connection.close()
        if getattr(error.__cause__, "sqlstate", None) in _SESSION_ENDED:
            raise OperationalError(*error.args) from error
        raise


def leave_database() -> None:
    """Before this process forks, or uses no database for long: closes the pool as well."""
    wrapper: Any = connections[DEFAULT_DB_ALIAS]
    wrapper.close()
    if wrapper.vendor == "postgresql":
        wrapper.close_pool()


def release_connection() -> None:
    """Before a thread ends or rests: gives its connection back to the pool."""
    connection.close()
