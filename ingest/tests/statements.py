"""What the server's threads say to the database, as it is said."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created


@dataclass(frozen=True, slots=True)
class Statement:
    thread: str
    sql: str


@contextmanager
def recording() -> Iterator[list[Statement]]:
    """Of the threads that connect within the block."""
    statements: list[Statement] = []

    def record(
        execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]
    ) -> Any:
        statements.append(Statement(threading.current_thread().name, sql))
        return execute(sql, params, many, context)

    def attach(connection: BaseDatabaseWrapper, **_: Any) -> None:
        is_ours = threading.current_thread() is not threading.main_thread()
        if is_ours and record not in connection.execute_wrappers:  # it may have reconnected
            connection.execute_wrappers.append(record)

    connection_created.connect(attach)
    try:
        yield statements
    finally:
        connection_created.disconnect(attach)
