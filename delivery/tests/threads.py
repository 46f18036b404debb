"""Two things at the same moment, as two processes would do them."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from django.db import connection


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
