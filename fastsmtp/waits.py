"""How long a role waits for its database before it fails and asks again.

Not a command, and above all no migration: that may wait for as long as it takes.
"""

from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

LOCK_PATIENCE = 60  # seconds for one lock; MariaDB has 50 of its own for a row
SOCKET_PATIENCE = 90  # seconds without a byte; PostgreSQL's connections notice a dead peer


def limit_waits() -> None:
    """In this process from now on; before it connects."""
    database = connections.settings[DEFAULT_DB_ALIAS]
    if database["ENGINE"] == "django.db.backends.mysql":
        for name in ("read_timeout", "write_timeout"):
            database["OPTIONS"].setdefault(name, SOCKET_PATIENCE)
    connection_created.connect(_limit_locks, dispatch_uid=__name__)


def _limit_locks(*, connection: BaseDatabaseWrapper, **_: Any) -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, false)", [f"{LOCK_PATIENCE}s"])
