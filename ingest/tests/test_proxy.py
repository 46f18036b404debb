"""The PROXY protocol, from a load balancer to what is stored as the client's address."""

import logging
import ssl
from collections.abc import Iterator
from ipaddress import ip_address, ip_network

import pytest

from accounts.models import Domain
from harness.processes import is_listening
from harness.waiting import wait_until
from ingest.limits import Limits
from ingest.proxy import V2_SIGNATURE, missing, parse
from ingest.tests.certificates import KeyPair
from ingest.tests.dialogue import Talk
from ingest.tests.running import ServerInThread
from ingest.tests.stored import only_message

LOOPBACK = [ip_network("127.0.0.0/8")]
V1 = b"PROXY TCP4 192.0.2.7 198.51.100.1 40000 25\r\n"


def v2(family: int, addresses: bytes = b"", *, command: int = 0x21) -> bytes:
    return V2_SIGNATURE + bytes([command, family]) + len(addresses).to_bytes(2) + addresses


def addresses(source: str, *, extra: bytes = b"") -> bytes:
    packed = ip_address(source).packed
    return packed + packed[::-1] + b"\x9c\x40\x00\x19" + extra


V2_IPV4 = v2(0x11, addresses("192.0.2.7"))
V2_IPV6 = v2(0x21, addresses("2001:db8::7"))
V2_TLV = v2(0x11, addresses("192.0.2.7", extra=b"\x04\x00\x03abc"))  # PP2_TYPE_NOOP
V2_LOCAL = v2(0x00, command=0x20)

GOOD = {
    "v1-tcp4": (V1, "192.0.2.7"),
    "v1-tcp6": (b"PROXY TCP6 2001:DB8::7 2001:db8::1 40000 25\r\n", "2001:db8::7"),
    "v1-mapped": (b"PROXY TCP6 ::ffff:192.0.2.7 ::1 1 25\r\n", "192.0.2.7"),
    "v1-unknown": (b"PROXY UNKNOWN\r\n", None),
    "v1-unknown-longest": (b"PROXY UNKNOWN " + b"f" * 91 + b"\r\n", None),
    "v2-ipv4": (V2_IPV4, "192.0.2.7"),
    "v2-ipv6": (V2_IPV6, "2001:db8::7"),
    "v2-mapped": (v2(0x21, addresses("::ffff:192.0.2.7")), "192.0.2.7"),
    "v2-tlv": (V2_TLV, "192.0.2.7"),
    "v2-longest": (v2(0x11, addresses("192.0.2.7", extra=bytes(2036))), "192.0.2.7"),
    "v2-local": (V2_LOCAL, None),
    "v2-local-with-addresses": (v2(0x11, addresses("192.0.2.7"), command=0x20), None),
    "v2-unspecified": (v2(0x00), None),
}

BAD = {
    "nothing-like-it": b"EHLO client.example\r\n",
    "binary": bytes(range(200, 240)),
    "v1-lower-case": V1.lower(),
    "v1-family": b"PROXY UDP4 192.0.2.7 198.51.100.1 40000 25\r\n",
    "v1-wrong-family": b"PROXY TCP4 2001:db8::7 2001:db8::1 40000 25\r\n",
    "v1-mixed-families": b"PROXY TCP6 2001:db8::7 192.0.2.1 40000 25\r\n",
    "v1-leading-zero": b"PROXY TCP4 192.0.2.07 198.51.100.1 40000 25\r\n",
    "v1-zone": b"PROXY TCP6 fe80::1%eth0 fe80::2 40000 25\r\n",
    "v1-port": b"PROXY TCP4 192.0.2.7 198.51.100.1 65536 25\r\n",
    "v1-port-with-zero": b"PROXY TCP4 192.0.2.7 198.51.100.1 040 25\r\n",
    "v1-two-spaces": b"PROXY TCP4  192.0.2.7 198.51.100.1 40000 25\r\n",
    "v1-too-few": b"PROXY TCP4 192.0.2.7 198.51.100.1 40000\r\n",
    "v1-too-many": b"PROXY TCP4 192.0.2.7 198.51.100.1 40000 25 26\r\n",
    "v1-not-ascii": "PROXY TCP4 192.0.2.７ 198.51.100.1 40000 25\r\n".encode(),
    "v1-too-long": b"PROXY UNKNOWN " + b"f" * 92 + b"\r\n",
    "v1-endless": b"PROXY UNKNOWN " + b"f" * 5000,
    "v2-version": v2(0x11, addresses("192.0.2.7"), command=0x11),
    "v2-command": v2(0x11, addresses("192.0.2.7"), command=0x22),
    "v2-udp": v2(0x12, addresses("192.0.2.7")),
    "v2-unix": v2(0x31, bytes(216)),
    "v2-short-ipv4": v2(0x11, bytes(11)),
    "v2-short-ipv6": v2(0x21, bytes(35)),
    "v2-too-long": v2(0x11, addresses("192.0.2.7", extra=bytes(2037))),
}


@pytest.fixture
def server(domain: Domain, key_pair: KeyPair) -> Iterator[ServerInThread]:
    with ServerInThread(
        smtp_proxy_networks=LOOPBACK,
        smtp_tls_cert=key_pair.certificate,
        smtp_tls_key=key_pair.key,
    ) as server:
        wait_until(lambda: is_listening(server.tls_port))
        yield server


@pytest.fixture
def trust(key_pair: KeyPair) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=key_pair.certificate)


def bring_mail(talk: Talk) -> None:
    talk.play("""
        C: EHLO client.example
        S: 250 HELP
        C: MAIL FROM:<ada@sender.example>
        S: 250 2.1.0 Ok
        C: RCPT TO:<info@example.com>
        S: 250 2.1.5 Ok
        C: DATA
        S: 354 *
        C: .
        S: 250 2.0.0 Ok: queued as *
    """)


@pytest.mark.parametrize(("header", "address"), GOOD.values(), ids=GOOD)
def test_a_header_says_who_the_client_is(header: bytes, address: str | None) -> None:
    assert parse(header) == address


@pytest.mark.parametrize("header", [header for header, _ in GOOD.values()], ids=GOOD)
def test_not_a_byte_behind_the_header_is_asked_for(header: bytes) -> None:
    for length in range(len(header)):
        assert 0 < missing(header[:length]) <= len(header) - length
    assert missing(header) == 0


@pytest.mark.parametrize("header", BAD.values(), ids=BAD)
def test_a_wrong_header_is_refused(header: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - every reason counts
        parse(first_header(header))


def first_header(data: bytes) -> bytes:
    read = 0
    while count := missing(data[:read]):
        read += count
        assert read <= len(data)
    return data[:read]


@pytest.mark.parametrize("header", [b"", V1, V2_IPV4[:-1], V2_IPV4 + b"x"], ids=len)
def test_the_parser_alone_takes_no_liberties(header: bytes) -> None:
    if header == V1:
        header = V1[:-2]
    with pytest.raises(ValueError):  # noqa: PT011
        parse(header)


@pytest.mark.parametrize(("header", "address"), GOOD.values(), ids=GOOD)
def test_the_clients_address_is_stored(
    server: ServerInThread, header: bytes, address: str | None
) -> None:
    """That of the peer where the header names none."""
    with Talk(server.port) as talk:
        talk.send(header)
        talk.expect("220 *")
        bring_mail(talk)
    assert only_message().client_ip == (address or "127.0.0.1")


@pytest.mark.parametrize("header", [V1, V2_TLV], ids=["v1", "v2"])
def test_it_may_come_in_single_bytes(server: ServerInThread, header: bytes) -> None:
    with Talk(server.port) as talk:
        talk.socket.setsockopt(6, 1, 1)  # TCP_NODELAY: as many packets as bytes
        for number in header:
            talk.send(bytes([number]))
        talk.expect("220 *")
        bring_mail(talk)
    assert only_message().client_ip == "192.0.2.7"


@pytest.mark.parametrize("header", [V1, V2_TLV, V2_LOCAL], ids=["v1", "v2", "v2-local"])
def test_it_may_come_together_with_commands(server: ServerInThread, header: bytes) -> None:
    with Talk(server.port) as talk:
        talk.send(header + b"EHLO client.example\r\n")
        talk.play("""
            S: 220 *
            S: 250 HELP
        """)


def test_it_survives_starttls(server: ServerInThread, trust: ssl.SSLContext) -> None:
    with Talk(server.port) as talk:
        talk.send(V2_IPV4)
        talk.play("""
            S: 220 *
            C: STARTTLS
            S: 220 2.0.0 Ready to start TLS
        """)
        talk.start_tls(trust)
        bring_mail(talk)
    message = only_message()
    assert (message.client_ip, bool(message.tls_version)) == ("192.0.2.7", True)


def test_it_comes_before_implicit_tls(server: ServerInThread, trust: ssl.SSLContext) -> None:
    with Talk(server.tls_port) as talk:
        talk.send(V1)
        talk.start_tls(trust)
        talk.expect("220 *")
        bring_mail(talk)
    message = only_message()
    assert (message.client_ip, bool(message.tls_version)) == ("192.0.2.7", True)


def test_the_handshake_may_come_in_the_same_packet(
    server: ServerInThread, trust: ssl.SSLContext
) -> None:
    """A balancer that already has the client's first words sends both at once."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = trust.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    with Talk(server.tls_port) as talk:
        talk.send(V2_IPV4 + outgoing.read())
        while tls.version() is None:
            incoming.write(talk.socket.recv(65536))
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                continue
        talk.send(outgoing.read())
        assert tls.version() == "TLSv1.3"


def test_a_failed_handshake_harms_nobody(server: ServerInThread) -> None:
    with Talk(server.tls_port) as talk:
        talk.send(V1 + b"EHLO client.example\r\n")
        talk.wait_for_end()
    with Talk(server.port) as talk:
        talk.send(V1)
        talk.expect("220 *")


@pytest.mark.parametrize("port", ["port", "tls_port"])
@pytest.mark.parametrize("name", BAD)
def test_junk_of_a_proxy_is_closed_without_a_word(
    server: ServerInThread, name: str, port: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "ingest.door"), Talk(getattr(server, port)) as talk:
        talk.send(BAD[name])
        assert talk.is_closed
        wait_until(lambda: bool(caplog.records))
    assert [record.levelname for record in caplog.records] == ["INFO"]
    assert server.session_count == 0


@pytest.mark.parametrize("start", [b"", V1[:-1], V2_IPV4[:20]], ids=["none", "v1", "v2"])
def test_the_header_has_to_come_in_time(domain: Domain, start: bytes) -> None:
    with (
        ServerInThread(limits=Limits(proxy_header=0.2), smtp_proxy_networks=LOOPBACK) as server,
        Talk(server.port) as talk,
    ):
        talk.send(start)
        assert talk.is_closed


@pytest.mark.parametrize("networks", [[], [ip_network("192.0.2.0/24")]], ids=["none", "others"])
def test_anybody_else_gets_nowhere_with_it(domain: Domain, networks: list[object]) -> None:
    with ServerInThread(smtp_proxy_networks=networks) as server, Talk(server.port) as talk:
        talk.send(V1)
        talk.play("""
            S: 220 *
            S: 500 5.5.1 Command not recognized
        """)
        bring_mail(talk)
    assert only_message().client_ip == "127.0.0.1"


def test_anybody_else_needs_none_for_implicit_tls(
    domain: Domain, key_pair: KeyPair, trust: ssl.SSLContext
) -> None:
    with ServerInThread(
        smtp_proxy_networks=[ip_network("192.0.2.0/24")],
        smtp_tls_cert=key_pair.certificate,
        smtp_tls_key=key_pair.key,
    ) as server:
        wait_until(lambda: is_listening(server.tls_port))
        with Talk(server.tls_port, tls=trust) as talk:
            talk.expect("220 *")
            bring_mail(talk)
    assert only_message().client_ip == "127.0.0.1"


def test_connections_are_counted_by_client(domain: Domain) -> None:
    with (
        ServerInThread(smtp_proxy_networks=LOOPBACK, smtp_max_connections_per_address=1) as server,
        Talk(server.port) as first,
        Talk(server.port) as second,
        Talk(server.port) as other,
    ):
        first.send(V1)
        first.expect("220 *")
        second.send(V1)
        second.expect("421 4.7.0 Too many connections, try again later")
        other.send(V2_IPV6)
        other.expect("220 *")


def test_only_the_client_can_be_trusted(domain: Domain) -> None:
    """That the balancer is trusted says nothing of whom it brings."""
    with (
        ServerInThread(
            smtp_proxy_networks=LOOPBACK,
            smtp_trusted_networks=LOOPBACK,
            smtp_max_connections_per_address=1,
        ) as server,
        Talk(server.port) as first,
        Talk(server.port) as second,
    ):
        first.send(V1)
        first.expect("220 *")
        second.send(V1)
        second.expect("421 4.7.0 *")
