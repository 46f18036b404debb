"""What every session with MariaDB is told before its first statement."""

from typing import Any

from fastsmtp.database import FROZEN_PATIENCE


def prepare_session(*, connection: Any, **_: Any) -> None:
    """MySQL has nothing like it: there who waits for a lock gets an error after 50 s."""
    if connection.vendor == "mysql" and connection.mysql_is_mariadb:
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION idle_transaction_timeout = %s", [FROZEN_PATIENCE])
