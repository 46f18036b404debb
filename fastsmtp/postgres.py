"""What every session with PostgreSQL is told before its first statement."""

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper


def prefer_indexes(*, connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Our statements look rows up by their keys. A plan that is made while a table is nearly empty
    reads all of it, and a prepared statement keeps that plan until the table is next analysed:
    in the first minute of an installation its cost grows with every mail. What can only read the
    whole table still does; without JIT, which the penalty on that would set off for nothing.

    A statement, not a start-up option of the connection: poolers refuse those.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('enable_seqscan', 'off', false), set_config('jit', 'off', false)"
            )
