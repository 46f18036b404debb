"""Two things at the same moment, as two processes would do them."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from django.db import connection, transaction

from harness.waiting import wait_until


def at_once[T](*functions: Callable[[], T]) -> list[T]:
    """Runs each in a thread with a connection of its own; raises what one of them raised."""
    barrier = threading.Barrier(len(functions))

    def run(function: Callable[[], T]) -> T:
        connection.ensure_connection()
        try:
            barrier.wait(timeout=30)
            return function()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(functions)) as threads:
        return list(threads.map(run, functions))


def run_into[T](change: Callable[[], object], then: Callable[[], T]) -> T:
    """What `then` returns that meets the locks of `change`, which commits when it is waited for."""
    has_changed = threading.Event()
    results: list[T] = []

    def hold() -> None:
        with transaction.atomic():
            change()
            has_changed.set()
            wait_until(somebody_waits, timeout=20)

    def follow() -> None:
        has_changed.wait(20)
        results.append(then())

    at_once(hold, follow)
    return results[0]


def somebody_waits() -> bool:
    """For a row that another transaction has locked."""
    statement = {
        "postgresql": """SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock'""",
        # Not `innodb_lock_waits`: who asks more often than every 100 ms is told what was before.
        "mysql": """SELECT CAST(variable_value AS INTEGER) FROM information_schema.global_status
            WHERE variable_name = 'INNODB_ROW_LOCK_CURRENT_WAITS'""",
    }[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return bool(cursor.fetchone()[0])
