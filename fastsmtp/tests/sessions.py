"""How a server ends the session of a process that is frozen in the middle of a transaction."""

import pytest
from django.db import connection

from harness.waiting import wait_until

needs_sessions = pytest.mark.skipif(connection.vendor == "sqlite", reason="it has no sessions")

_SET_TIMEOUT = {
    "postgresql": "SET idle_in_transaction_session_timeout = '20ms'",
    "mysql": "SET idle_transaction_timeout = 1",  # seconds
}
_COUNT = {
    "postgresql": "SELECT count(*) FROM pg_stat_activity WHERE pid = %s",
    "mysql": "SELECT count(*) FROM information_schema.processlist WHERE id = %s",
}
_ID = {"postgresql": "SELECT pg_backend_pid()", "mysql": "SELECT connection_id()"}


def freeze() -> None:
    """Returns when the server has ended our session, which is in a transaction."""
    with connection.cursor() as cursor:
        cursor.execute(_SET_TIMEOUT[connection.vendor])
        cursor.execute(_ID[connection.vendor])
        [session] = cursor.fetchone()
        # For MariaDB a transaction begins with the first table.
        cursor.execute("SELECT count(*) FROM django_migrations")
    wait_until(lambda: not _is_alive(session))


def _is_alive(session: int) -> bool:
    """Asked in a session of its own: ours must stay idle."""
    with connection.copy().temporary_connection() as cursor:
        cursor.execute(_COUNT[connection.vendor], [session])
        return cursor.fetchone() == (1,)
