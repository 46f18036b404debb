"""Clients that go away: before the end nothing is stored, after it the message is, once."""

from collections.abc import Callable

import pytest

from harness.waiting import wait_until
from ingest.tests.database import writers_wait
from ingest.tests.dialogue import Talk, begin_data, send_mail
from ingest.tests.running import ServerInThread
from ingest.tests.stored import contents

LARGE = b"x" * 3_000_000 + b"\r\n"
WHOLE_SESSION = (
    b"EHLO client.example\r\n"
    b"MAIL FROM:<ada@sender.example>\r\n"
    b"RCPT TO:<info@example.com>\r\n"
    b"DATA\r\n"
    b"Subject: Hello\r\n\r\nIt works.\r\n.\r\n"
    b"QUIT\r\n"
)


@pytest.mark.parametrize("leave", [Talk.hang_up, Talk.reset, Talk.finish_sending])
def test_half_a_message_is_none(server: ServerInThread, leave: Callable[[Talk], None]) -> None:
    talk = begin_data(server.port)
    talk.send(b"Subject: Hello\r\n\r\nIt wor")
    leave(talk)
    wait_until(lambda: server.session_count == 0)
    assert contents() == []
    assert send_mail(server.port, b"next\r\n").startswith("250 ")
    assert contents() == [b"next\r\n"]
    talk.hang_up()


@pytest.mark.parametrize("leave", [Talk.hang_up, Talk.reset, Talk.finish_sending])
@pytest.mark.parametrize("content", [b"small\r\n", LARGE], ids=["small", "large"])
def test_a_whole_message_is_stored_once(
    server: ServerInThread, content: bytes, leave: Callable[[Talk], None]
) -> None:
    """The commit is under way when the client goes, and is not cancelled."""
    talk = begin_data(server.port)
    with writers_wait():
        talk.send(content + b".\r\n")
        wait_until(lambda: server.is_storing)
        leave(talk)
    wait_until(lambda: server.session_count == 0)
    assert contents() == [content]
    assert send_mail(server.port, b"next\r\n").startswith("250 ")
    talk.hang_up()


def test_a_client_that_has_finished_sending_gets_its_replies(port: int) -> None:
    """`printf … | nc -N`: all commands at once, then the end of our input."""
    with Talk(port) as talk:
        talk.send(WHOLE_SESSION)
        talk.finish_sending()
        talk.play("""
            S: 220 *
            S: 250 HELP
            S: 250 2.1.0 Ok
            S: 250 2.1.5 Ok
            S: 354 *
            S: 250 2.0.0 Ok: queued as *
            S: 221 2.0.0 Bye
        """)
        assert talk.is_closed
    assert contents() == [b"Subject: Hello\r\n\r\nIt works.\r\n"]


def test_without_quit_it_is_closed_as_well(port: int) -> None:
    with Talk(port) as talk:
        talk.send(b"EHLO client.example\r\nNOO")
        talk.finish_sending()
        talk.expect("220 *")
        talk.expect("250 HELP")
        assert talk.is_closed
