"""Before a session's first word: whoever waits there is bounded in number and time."""

import ssl
from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any

import pytest

from accounts.models import Domain
from harness.waiting import wait_until
from ingest.limits import Limits
from ingest.tests.certificates import KeyPair
from ingest.tests.dialogue import Talk
from ingest.tests.running import ServerInThread

LOOPBACK = [ip_network("127.0.0.0/8")]


def serve(key_pair: KeyPair, limits: Limits = Limits(), **settings: Any) -> ServerInThread:  # noqa: B008
    return ServerInThread(
        limits=limits,
        smtp_tls_cert=key_pair.certificate,
        smtp_tls_key=key_pair.key,
        **settings,
    )


def until_nobody_waits(server: ServerInThread, *, header: bytes = b"") -> None:
    """Whoever asked whether the ports are open was there before this conversation."""

    def greets() -> bool:
        with Talk(server.port) as talk:
            try:
                talk.send(header + b"NOOP\r\n")
                return talk.reply()[-1].startswith("220 ") and talk.reply()[-1].startswith("250 ")
            except ConnectionError:  # no place at the door yet
                return False

    wait_until(greets)
    wait_until(lambda: server.waiting_connections == server.session_count == 0)


@pytest.fixture
def trust(key_pair: KeyPair) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=key_pair.certificate)


@pytest.fixture
def waiting(domain: Domain, key_pair: KeyPair) -> Iterator[tuple[ServerInThread, Talk]]:
    """One connection may wait, and does."""
    with serve(key_pair, smtp_max_connections_per_address=1) as server:
        until_nobody_waits(server)
        with Talk(server.tls_port) as talk:
            wait_until(lambda: server.waiting_connections == 1)
            yield server, talk


def test_handshakes_are_counted(
    waiting: tuple[ServerInThread, Talk], trust: ssl.SSLContext
) -> None:
    server, first = waiting
    with Talk(server.tls_port) as second:
        assert second.is_closed
    first.start_tls(trust)
    first.expect("220 *")
    assert server.waiting_connections == 0


def test_who_waits_does_not_count_inside(waiting: tuple[ServerInThread, Talk]) -> None:
    with Talk(waiting[0].port) as talk:
        talk.expect("220 *")


def test_proxies_that_say_nothing_are_counted_in_all(domain: Domain, key_pair: KeyPair) -> None:
    with serve(key_pair, smtp_proxy_networks=LOOPBACK, smtp_max_connections=2) as server:
        until_nobody_waits(server, header=b"PROXY UNKNOWN\r\n")
        with Talk(server.port), Talk(server.tls_port):
            wait_until(lambda: server.waiting_connections == 2)
            with Talk(server.port) as third:
                assert third.is_closed


@pytest.mark.parametrize("is_implicit", [False, True], ids=["STARTTLS", "TLS port"])
def test_a_handshake_has_to_come_in_time(
    domain: Domain, key_pair: KeyPair, is_implicit: bool
) -> None:
    with serve(key_pair, Limits(handshake=0.3)) as server:
        with Talk(server.tls_port if is_implicit else server.port) as talk:
            if not is_implicit:
                talk.expect("220 *")
                talk.send("STARTTLS\r\n")
                talk.expect("220 *")
            talk.wait_for_end()
        wait_until(lambda: server.waiting_connections == server.session_count == 0)


@pytest.mark.parametrize("port", ["port", "tls_port"])
def test_the_shutdown_sends_them_away(domain: Domain, key_pair: KeyPair, port: str) -> None:
    """A header or a handshake that comes to its end now begins no session."""
    with serve(key_pair, smtp_proxy_networks=LOOPBACK) as server:
        until_nobody_waits(server, header=b"PROXY UNKNOWN\r\n")
        with Talk(getattr(server, port)) as talk:
            wait_until(lambda: server.waiting_connections == 1)
            server.tell_to_stop()
            assert talk.is_closed
