"""A test that leaves a server running is told so, and no other test is."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from harness.left_running import nothing_left_running


@contextmanager
def _running(name: str) -> Iterator[None]:
    stopping = threading.Event()
    thread = threading.Thread(target=stopping.wait, name=name)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


@pytest.mark.parametrize("name", ["courier", "smtpd"])
def test_a_server_that_is_left(name: str) -> None:
    with (
        ExitStack() as later,
        pytest.raises(pytest.fail.Exception, match=f"left running: {name}$"),
        nothing_left_running(),
    ):
        later.enter_context(_running(name))


def test_one_that_ran_before_or_has_ended_or_is_no_server() -> None:
    with _running("courier"), nothing_left_running(), _running("smtpd"):
        pass
