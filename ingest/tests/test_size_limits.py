"""Too large a message is refused, announced or not, and nobody keeps what is refused."""

from collections.abc import Iterator

import pytest

from accounts.models import Domain
from harness.waiting import wait_until
from ingest.limits import Limits
from ingest.tests.dialogue import Talk, begin, begin_data
from ingest.tests.running import ServerInThread
from ingest.tests.stored import contents

MEGABYTE = 1024 * 1024
TOO_LARGE = "552 5.3.4 Message exceeds the maximum size"
TOO_BUSY = "452 4.3.1 Too much data in progress, try again later"


@pytest.fixture
def port(domain: Domain) -> Iterator[int]:
    with ServerInThread(smtp_max_message_size=2048) as server:
        yield server.port


@pytest.mark.parametrize(
    ("size", "reply"),
    [
        ("0", "250 2.1.0 Ok"),
        ("2048", "250 2.1.0 Ok"),
        ("2049", TOO_LARGE),
        ("9" * 1000, TOO_LARGE),
    ],
)
def test_an_announced_size(port: int, size: str, reply: str) -> None:
    with Talk(port) as talk:
        talk.expect("220 *")
        talk.ask("EHLO client.example")
        assert talk.ask(f"MAIL FROM:<ada@sender.example> SIZE={size}") == reply


@pytest.mark.parametrize("length", [2049, 2050, 2051, 2052, 2053, 2054, 5000, 400_000])
def test_a_message_over_the_limit_is_read_to_its_end(port: int, length: int) -> None:
    with begin_data(port) as talk:
        talk.send(b"x" * (length - 2) + b"\r\n.\r\nNOOP\r\n")
        talk.expect(TOO_LARGE)
        talk.expect("250 2.0.0 Ok")
        assert talk.ask("DATA") == "503 5.5.1 Need RCPT command"
    assert contents() == []


def test_a_message_of_exactly_the_limit_is_taken(port: int) -> None:
    content = b"x" * 2046 + b"\r\n"
    with begin_data(port) as talk:
        talk.send(content + b".\r\n")
        talk.expect("250 2.0.0 Ok: queued as *")
    assert contents() == [content]


def test_a_client_that_does_not_listen_is_not_heard(domain: Domain) -> None:
    """What it sends stays with it, instead of in our memory."""
    with ServerInThread() as server, begin(server.port) as talk:
        assert talk.send_until_blocked(b"EHLO x\r\n" * 10_000) < 64 * MEGABYTE


@pytest.fixture
def narrow(domain: Domain) -> Iterator[ServerInThread]:
    """A thousand bytes of messages in progress have room in it."""
    with ServerInThread(limits=Limits(data=1000), smtp_max_message_size=3000) as server:
        yield server


def test_who_would_exceed_the_budget_comes_again_later(narrow: ServerInThread) -> None:
    """What it had sent is forgotten at once, and the other one is not harmed."""
    with begin_data(narrow.port) as first, begin_data(narrow.port) as second:
        first.send(b"x" * 600)
        wait_until(lambda: narrow.held_bytes == 600)
        second.send(b"y" * 300)
        wait_until(lambda: narrow.held_bytes == 900)
        second.send(b"y" * 101)
        wait_until(lambda: narrow.held_bytes == 600)
        second.send(b"y" * 5000 + b"\r\n.\r\nNOOP\r\n")
        second.expect(TOO_BUSY)
        second.expect("250 2.0.0 Ok")
        first.send(b"\r\n.\r\n")
        first.expect("250 2.0.0 Ok: queued as *")
    assert contents() == [b"x" * 600 + b"\r\n"]


def test_a_message_alone_may_exceed_the_budget(narrow: ServerInThread) -> None:
    with begin_data(narrow.port) as first, begin(narrow.port) as second:
        first.send(b"x" * 2000)
        wait_until(lambda: narrow.held_bytes == 2000)
        assert second.ask("DATA") == TOO_BUSY
        first.send(b"\r\n.\r\n")
        first.expect("250 2.0.0 Ok: queued as *")
        wait_until(lambda: narrow.held_bytes == 0)
        assert second.ask("DATA").startswith("354 ")


def test_what_is_too_large_is_given_back_before_its_end(narrow: ServerInThread) -> None:
    with begin_data(narrow.port) as first, begin(narrow.port) as second:
        first.send(b"x" * 3000)
        wait_until(lambda: narrow.held_bytes == 3000)
        first.send(b"x" * 3000)
        wait_until(lambda: narrow.held_bytes == 0)
        assert second.ask("DATA").startswith("354 ")
        assert first.ask("\r\n.") == TOO_LARGE
