"""A broker that is away costs no open files, and what it costs does not wait for Python's search
for cycles, which is rare in our processes."""

import gc
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from kombu.exceptions import OperationalError

from delivery.tasks import route_messages
from fastsmtp.celery import app
from harness.processes import free_port

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc")


@pytest.fixture
def _without_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def _fail_to_publish(url: str) -> int:
    """Returns how many files are open then."""
    with app.connection_for_write(url) as connection, pytest.raises(OperationalError):
        route_messages.apply_async(kwargs={"message_ids": []}, connection=connection)
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.usefixtures("_without_collector")
def test_none_is_left_open() -> None:
    url = f"redis://127.0.0.1:{free_port()}/0"
    counts = [_fail_to_publish(url) for _ in range(20)]
    assert counts == [counts[0]] * 20
