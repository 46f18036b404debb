"""Django's SQLite backend, told to be durable and to wait politely.

WAL lets readers pass the writer. `synchronous=FULL` is needed for a promise: with NORMAL a
power loss takes back commits that were already acknowledged over SMTP.

A second writer waits at BEGIN IMMEDIATE. SQLite's own busy handler sleeps in growing steps of up
to 100 ms, so a process that commits often starves one that commits seldom; asking again every
millisecond is fair enough and costs next to nothing.
"""

import sqlite3
import time
from typing import Any

from django.db.backends.sqlite3 import base
from django.db.utils import OperationalError

BUSY_TIMEOUT = 30.0  # seconds
POLL_INTERVAL = 0.001  # seconds


class DatabaseWrapper(base.DatabaseWrapper):
    def get_new_connection(self, conn_params: dict[str, Any]) -> sqlite3.Connection:
        connection = super().get_new_connection({**conn_params, "timeout": BUSY_TIMEOUT})
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        return connection

    def _start_transaction_under_autocommit(self) -> None:
        begin = f"BEGIN {self.transaction_mode or 'DEFERRED'}"  # type: ignore[attr-defined]
        deadline = time.monotonic() + BUSY_TIMEOUT
        # Below Django's cursor wrapper: a refusal here is not yet an error of the transaction.
        self.connection.execute("PRAGMA busy_timeout = 0")
        try:
            while True:
                try:
                    self.connection.execute(begin)
                except sqlite3.OperationalError as error:
                    if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                        raise OperationalError(str(error)) from error
                    if time.monotonic() > deadline:
                        raise OperationalError(
                            f"the database stayed locked for {BUSY_TIMEOUT:g} s"
                        ) from error
                    time.sleep(POLL_INTERVAL)
                else:
                    return
        finally:
            self.connection.execute(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT * 1000)}")
