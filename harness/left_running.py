"""A server of ours that a test leaves running works on in the database of the tests after it, and
they fail. So the test that left it fails."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

SERVERS = {"courier", "smtpd"}  # names of threads


@contextmanager
def nothing_left_running() -> Iterator[None]:
    """Fails when a server that was started inside is alive at the end."""
    before = set(threading.enumerate())
    yield
    started = set(threading.enumerate()) - before
    left = sorted(thread.name for thread in started if thread.name in SERVERS)
    if left:
        pytest.fail(f"the test left running: {', '.join(left)}", pytrace=False)
