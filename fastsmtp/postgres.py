"""What every session with PostgreSQL is told before its first statement.

By a statement, not by start-up options of the connection: poolers refuse those.
"""

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from fastsmtp.database import FROZEN_PATIENCE

SETTINGS = {
    # Our statements look rows up by their keys. A plan that is made while a table is nearly empty
    # reads all of it, and a prepared statement keeps that plan until the table is next analysed:
    # in the first minute of an installation its cost grows with every mail. What can only read the
    # whole table still does; without JIT, which the penalty on that would set off for nothing.
    "enable_seqscan": "off",
    "jit": "off",
    "idle_in_transaction_session_timeout": f"{FROZEN_PATIENCE}s",
}


def prepare_session(*, connection: BaseDatabaseWrapper, **_: Any) -> None:
    if connection.vendor == "postgresql":
        calls = ", ".join(["set_config(%s, %s, false)"] * len(SETTINGS))
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {calls}", [part for pair in SETTINGS.items() for part in pair])
