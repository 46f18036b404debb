"""For tests that watch processes: wait for a condition, never for a time."""

import time
from collections.abc import Callable


def wait_until[T](condition: Callable[[], T], *, timeout: float = 30.0) -> T:
    """The first true value of the condition; raises TimeoutError (seconds)."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{condition} did not hold within {timeout:g} s")
        time.sleep(0.02)
    return value
