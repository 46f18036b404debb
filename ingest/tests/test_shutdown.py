"""SIGTERM: what is under way is finished, nothing new begins, and the process ends with 0."""

import signal
import socket
from pathlib import Path

import pytest

from accounts.models import Domain
from harness.waiting import wait_until
from ingest.tests.database import writers_wait
from ingest.tests.dialogue import Talk, begin, begin_data
from ingest.tests.running import ServerInThread, ServerProcess
from ingest.tests.stored import contents

SHUTTING_DOWN = "421 4.3.2 Service shutting down"


def test_the_mail_in_progress_is_finished(domain: Domain, tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        with (
            Talk(server.port) as idle,
            begin(server.port) as early,
            begin_data(server.port) as late,
        ):
            idle.expect("220 *")
            server.process.send_signal(signal.SIGTERM)
            idle.expect(SHUTTING_DOWN)
            assert idle.is_closed
            with pytest.raises(ConnectionRefusedError):
                Talk(server.port)
            early.play("""
                C: DATA
                S: 354 *
                C: early
                C: .
                C: MAIL FROM:<ada@sender.example>
                S: 250 2.0.0 Ok: queued as *
            """)
            early.expect(SHUTTING_DOWN)
            assert early.is_closed
            late.send("late\r\n.\r\n")
            late.expect("250 2.0.0 Ok: queued as *")
            late.expect(SHUTTING_DOWN)
        assert server.process.end() == 0
    assert sorted(contents()) == [b"early\r\n", b"late\r\n"]


def test_a_message_that_waits_for_its_commit_gets_its_reply(domain: Domain) -> None:
    with ServerInThread() as server, begin_data(server.port) as talk:
        with writers_wait():
            talk.send("waiting\r\n.\r\n")
            wait_until(lambda: server.is_storing)
            server.tell_to_stop()
            wait_until(lambda: not server.is_open)
        talk.expect("250 2.0.0 Ok: queued as *")
        talk.expect(SHUTTING_DOWN)
    assert contents() == [b"waiting\r\n"]


@pytest.mark.parametrize("has_door", [False, True], ids=["session", "door"])
def test_who_was_accepted_last_is_told_too(domain: Domain, has_door: bool) -> None:
    """The kernel may give us one more while the listeners close."""
    with (
        ServerInThread() as server,
        begin_data(server.port) as busy,
        socket.create_server(("127.0.0.1", 0)) as kernel,
    ):
        server.tell_to_stop()
        wait_until(lambda: server.is_draining)
        with Talk(kernel.getsockname()[1]) as late:
            server.accept(kernel.accept()[0], has_door=has_door)
            if not has_door:
                late.expect(SHUTTING_DOWN)
            assert late.is_closed
        assert server.waiting_connections == 0
        busy.send(".\r\n")
        busy.expect("250 2.0.0 Ok: queued as *")
