"""Whatever a client sends, and however much of it, our memory stays flat."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from accounts.models import Domain
from ingest.limits import MEBI, Limits
from ingest.tests.dialogue import Talk, begin, begin_data, send_mail
from ingest.tests.running import ServerProcess

MOST = 48 * MEBI  # more than a message of 10 MiB and what is made of it, less than any flood
COMMANDS = Limits().commands  # of a session without a mail


@pytest.fixture
def port(domain: Domain, tmp_path: Path) -> Iterator[int]:
    """Of a process that serves as always after the flood, and has not grown for it."""
    with ServerProcess(tmp_path, smtp_trusted_networks="127.0.0.0/8") as server:
        assert send_mail(server.port).startswith("250 ")
        before = _peak_memory(server.process.pid)
        yield server.port
        assert send_mail(server.port).startswith("250 ")
        assert _peak_memory(server.process.pid) - before < MOST


def _peak_memory(process_id: int) -> int:
    """Bytes of the largest resident set so far (proc(5), VmHWM)."""
    status = Path(f"/proc/{process_id}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def flood(talk: Talk, piece: bytes, size: int) -> None:
    block = piece * (MEBI // len(piece))
    for _ in range(0, size, len(block)):
        talk.send(block)


def test_a_command_without_end(port: int) -> None:
    with begin(port) as talk:
        with suppress(ConnectionError):
            flood(talk, b"x", 96 * MEBI)
        talk.wait_for_end()


@pytest.mark.parametrize("piece", [b"x" * 62 + b"\r\n", b"x" * 64], ids=["lines", "one line"])
def test_a_message_over_the_limit(port: int, piece: bytes) -> None:
    with begin_data(port) as talk:
        flood(talk, piece, 128 * MEBI)
        assert talk.ask("\r\n.") == "552 5.3.4 Message exceeds the maximum size"
        assert talk.ask("NOOP") == "250 2.0.0 Ok"


def test_a_hundred_thousand_commands(port: int) -> None:
    for _ in range(0, 100_000, COMMANDS):
        with Talk(port) as talk:
            talk.send("NOOP\r\n" * (COMMANDS + 1))
            talk.expect("220 *")
            for _ in range(COMMANDS):
                talk.expect("250 2.0.0 Ok")
            talk.expect("421 4.7.0 Too many commands without a mail")
            assert talk.is_closed


def test_ten_thousand_recipients(port: int) -> None:
    """Of one transaction, which has used up its commands long before the last of them."""
    with begin(port) as talk:
        with suppress(ConnectionError):
            talk.send("".join(f"RCPT TO:<info+{n}@example.com>\r\n" for n in range(10_000)))
        talk.wait_for_end()
