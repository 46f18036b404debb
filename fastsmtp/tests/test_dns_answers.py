"""What the resolver makes of what name servers say."""

import asyncio
from collections.abc import Awaitable, Callable

import dnslib
import pytest
from dnslib import QTYPE, RCODE, RR

from fastsmtp.dns import Answer, TemporaryDNSError
from fastsmtp.tests.dns_server import SERVFAIL, Answering, NameServer, Query, serve_zone, serving

ZONE = serve_zone(
    {
        "example.org": [
            ("A", "192.0.2.1"),
            ("AAAA", "2001:db8::1"),
            ("MX", (10, "MX.example.org")),
            ("TXT", [b"v=spf1 ", b"-all"]),
            ("TXT", b"\xff\x00"),
        ],
        "1.2.0.192.in-addr.arpa": [("PTR", "Mail.Example.org")],
        "alias.example.org": [("CNAME", "second.example.org")],
        "second.example.org": [("CNAME", "example.org")],
        "dangling.example.org": [("CNAME", "nowhere.example.org")],
        "long.example.org": [("TXT", b"x" * 4000)],
        "broken.example.org": [("A", SERVFAIL)],
        r"a\.b @.example.org": [("A", "192.0.2.2")],
        "_dmarc.example.org": [("TXT", b"v=DMARC1")],
    }
)


def ask[T](answering: Answering, conversation: Callable[[NameServer], Awaitable[T]]) -> T:
    async def run() -> T:
        async with serving(answering) as server:
            return await conversation(server)

    return asyncio.run(run())


def resolve(answering: Answering, name: str, rdtype: str, *, timeout: float = 10) -> Answer:
    return ask(answering, lambda server: server.resolver(timeout=timeout).resolve(name, rdtype))


@pytest.mark.parametrize(
    ("name", "rdtype", "records"),
    [
        ("example.org", "A", {"192.0.2.1"}),
        ("example.org", "AAAA", {"2001:db8::1"}),
        ("example.org", "MX", {(10, "mx.example.org")}),
        ("example.org", "TXT", {b"v=spf1 -all", b"\xff\x00"}),
        ("1.2.0.192.in-addr.arpa", "PTR", {"mail.example.org"}),
        ("EXAMPLE.org.", "A", {"192.0.2.1"}),
        ("alias.example.org", "A", {"192.0.2.1"}),
        (r"a\.b @.example.org", "A", {"192.0.2.2"}),
        ("_dmarc.example.org", "TXT", {b"v=DMARC1"}),
    ],
)
def test_records_are_plain_values(name: str, rdtype: str, records: set[object]) -> None:
    answer = resolve(ZONE, name, rdtype)
    assert (set(answer.records), answer.is_existing) == (records, True)


@pytest.mark.parametrize(
    ("name", "is_existing"),
    [
        ("_dmarc.example.org", True),
        ("nowhere.example.org", False),
        ("dangling.example.org", False),
        # There is no search list.
        ("example", False),
    ],
)
def test_a_name_without_records_is_told_from_no_name(name: str, is_existing: bool) -> None:
    assert resolve(ZONE, name, "A") == Answer((), is_existing=is_existing)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "a..example.org",
        ".example.org",
        "a" * 64 + ".example.org",
        # 254 octets, one too many.
        ".".join(["a" * 49] * 5) + ".info",
        "bücher.example",
        "\ud800.example",
    ],
)
def test_a_name_that_cannot_exist_is_not_asked_for(name: str) -> None:
    async def conversation(server: NameServer) -> None:
        assert await server.resolver().resolve(name, "A") == Answer((), is_existing=False)
        assert server.asked == []

    ask(ZONE, conversation)


def test_a_truncated_answer_is_fetched_over_tcp() -> None:
    async def truncate(query: Query) -> bytes | None:
        if query.transport == "tcp":
            return await ZONE(query)
        reply = query.record.reply()
        reply.header.tc = 1
        return bytes(reply.pack())

    async def conversation(server: NameServer) -> None:
        answer = await server.resolver().resolve("long.example.org", "TXT")
        assert answer.records == (b"x" * 4000,)
        assert [transport for *_, transport in server.asked] == ["udp", "tcp"]

    ask(truncate, conversation)


def test_a_chain_of_aliases_is_followed_where_the_server_does_not() -> None:
    async def answer_first_link_only(query: Query) -> bytes | None:
        reply = query.record.reply()
        if query.name == "alias.example.org":
            target = dnslib.CNAME("example.org")
            reply.add_answer(RR("alias.example.org", QTYPE.CNAME, rdata=target, ttl=60))
            return bytes(reply.pack())
        return await ZONE(query)

    assert resolve(answer_first_link_only, "alias.example.org", "A").records == ("192.0.2.1",)


async def silence(_: Query) -> None:
    return None


async def refuse(query: Query) -> bytes:
    reply = query.record.reply()
    reply.header.rcode = RCODE.REFUSED
    return bytes(reply.pack())


async def answer_with_noise(query: Query) -> bytes:
    return b"\x00\x01noise"


async def answer_with_another_id(query: Query) -> bytes:
    reply = await ZONE(query)
    assert reply is not None
    return bytes([reply[0] ^ 1]) + reply[1:]


async def answer_another_question(query: Query) -> bytes:
    reply = dnslib.DNSRecord.question("example.com", "A").reply()
    reply.header.id = query.record.header.id
    reply.add_answer(RR("example.com", QTYPE.A, rdata=dnslib.A("192.0.2.66")))
    return bytes(reply.pack())


async def refer_elsewhere(query: Query) -> bytes:
    reply = query.record.reply(aa=0)
    reply.add_auth(RR("org", QTYPE.NS, rdata=dnslib.NS("ns.example.net")))
    return bytes(reply.pack())


async def run_in_circles(query: Query) -> bytes:
    other = "b.example.org" if query.name.startswith("a.") else "a.example.org"
    reply = query.record.reply()
    reply.add_answer(RR(query.record.q.qname, QTYPE.CNAME, rdata=dnslib.CNAME(other)))
    return bytes(reply.pack())


@pytest.mark.parametrize(
    ("answering", "name"),
    [
        (ZONE, "broken.example.org"),
        (silence, "example.org"),
        (refuse, "example.org"),
        (answer_with_noise, "example.org"),
        (answer_with_another_id, "example.org"),
        (answer_another_question, "example.org"),
        (refer_elsewhere, "example.org"),
        (run_in_circles, "a.example.org"),
    ],
)
def test_everything_else_is_a_temporary_error(answering: Answering, name: str) -> None:
    with pytest.raises(TemporaryDNSError, match=f"The lookup of {name} A failed: "):
        resolve(answering, name, "A", timeout=0.5)


def test_a_forged_answer_does_not_end_the_wait_for_the_right_one() -> None:
    """Whoever guesses the port must guess the id as well, and gets no second question from us."""
    right_one = asyncio.Event()

    async def answer(query: Query) -> bytes:
        if right_one.is_set():
            return await ZONE(query) or b""
        right_one.set()
        return await answer_with_another_id(query)

    assert resolve(answer, "example.org", "A").records == ("192.0.2.1",)
