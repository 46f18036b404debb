"""A session may be idle for some time, not for ever."""

import select
import time

import pytest

from accounts.models import Domain
from harness.waiting import wait_until
from ingest.limits import Limits
from ingest.tests.dialogue import Talk, begin, begin_data
from ingest.tests.running import ServerInThread
from ingest.tests.stored import contents

IDLE = "421 4.4.2 Idle for too long, closing the connection"


def test_an_idle_session_is_closed(domain: Domain) -> None:
    with ServerInThread(limits=Limits(idle=0.5)) as server:
        with Talk(server.port) as silent, begin(server.port) as talk:
            silent.expect("220 *")
            silent.send("NOO")
            silent.expect(IDLE)
            assert silent.is_closed
            talk.expect(IDLE)
        wait_until(lambda: server.session_count == 0)


def test_half_a_message_is_forgotten(domain: Domain) -> None:
    with ServerInThread(limits=Limits(idle=0.5)) as server, begin_data(server.port) as talk:
        talk.send("Subject: Hello\r\n")
        talk.expect(IDLE)
        assert talk.is_closed
        wait_until(lambda: server.session_count == 0)
    assert contents() == []


def test_a_slow_sender_is_not_idle(domain: Domain) -> None:
    """Every chunk counts as a sign of life."""
    with ServerInThread(limits=Limits(idle=2)) as server, begin_data(server.port) as talk:
        for _ in range(12):
            time.sleep(0.25)
            talk.send("line\r\n")
        talk.send(".\r\n")
        talk.expect("250 2.0.0 Ok: queued as *")
    assert contents() == [b"line\r\n" * 12]


@pytest.mark.parametrize("start", [1, 100_000], ids=["short", "too long"])
def test_a_command_that_trickles_is_cut_off(domain: Domain, start: int) -> None:
    """Byte by byte, each long before the session would be idle."""
    with ServerInThread(limits=Limits(idle=0.5)) as server, Talk(server.port) as talk:
        talk.expect("220 *")
        talk.send(b"x" * start)
        assert talk.send_until_blocked(b"x", limit=200, pause=0.05) < 200
        talk.expect(IDLE)
        assert talk.is_closed


def test_a_client_that_never_reads_is_thrown_out(domain: Domain) -> None:
    """Closing politely would wait until it has read all that we had to say."""
    with ServerInThread(limits=Limits(idle=0.5)) as server, begin(server.port) as talk:
        talk.send_until_blocked(b"EHLO x\r\n" * 10_000)
        is_reset = select.poll()
        is_reset.register(talk.socket, select.POLLHUP | select.POLLERR)
        assert is_reset.poll(30_000)
        wait_until(lambda: server.session_count == 0)
