"""A name server on 127.0.0.1, over UDP and TCP, that answers with whatever a test wants."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dnslib
from dnslib import QTYPE, RCODE, RR, DNSRecord

from fastsmtp.dns import Resolver
from fastsmtp.dns_server import DNSServer

# In the place of a record's value: asking for this record's type is answered with SERVFAIL.
SERVFAIL = object()
TTL = 300
NEGATIVE_TTL = 60

type Zone = Mapping[str, Sequence[tuple[str, Any]]]
type Answering = Callable[["Query"], Awaitable[bytes | None]]


@dataclass(frozen=True)
class Query:
    record: DNSRecord
    transport: str  # udp or tcp

    @property
    def name(self) -> str:
        # str() of dnslib's label would escape.
        return b".".join(self.record.q.qname.label).decode("latin-1").lower()

    @property
    def rdtype(self) -> str:
        return str(QTYPE[self.record.q.qtype])


@dataclass
class NameServer:
    """`asked` has name, type and transport of every query."""

    port: int = 0
    asked: list[tuple[str, str, str]] = field(default_factory=list)

    def resolver(self, **options: Any) -> Resolver:
        return Resolver(servers=[DNSServer("127.0.0.1", self.port)], **options)


@contextlib.asynccontextmanager
async def serving(answering: Answering, *, port: int = 0) -> AsyncIterator[NameServer]:
    server = NameServer()
    running: set[asyncio.Task[None]] = set()

    async def answer(wire: bytes, transport: str) -> bytes | None:
        query = Query(DNSRecord.parse(wire), transport)
        server.asked.append((query.name, query.rdtype, transport))
        return await answering(query)

    async def serve_stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        length = int.from_bytes(await reader.readexactly(2))
        reply = await answer(await reader.readexactly(length), "tcp")
        if reply is not None:
            writer.write(len(reply).to_bytes(2) + reply)
        writer.close()

    class Datagrams(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
            self.transport = transport

        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            task = asyncio.create_task(self.reply(data, addr))
            running.add(task)
            task.add_done_callback(running.discard)

        async def reply(self, data: bytes, addr: tuple[str, int]) -> None:
            reply = await answer(data, "udp")
            if reply is not None and not self.transport.is_closing():
                self.transport.sendto(reply, addr)

    streams = await asyncio.start_server(serve_stream, "127.0.0.1", port)
    server.port = streams.sockets[0].getsockname()[1]
    datagrams, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        Datagrams, local_addr=("127.0.0.1", server.port)
    )
    try:
        yield server
    finally:
        datagrams.close()
        streams.close()
        for task in running:
            task.cancel()


def serve_zone(zone: Zone, *, ttl: int = TTL) -> Answering:
    """Answers like a resolver: CNAMEs followed, and an SOA where there is nothing."""

    async def answer(query: Query) -> bytes:
        reply = query.record.reply(ra=1)
        name: str | None = query.name
        seen: set[str] = set()
        while name is not None:
            name = _fill(reply, zone, name, query.rdtype, ttl)
            if name in seen:
                reply.header.rcode = RCODE.SERVFAIL
                break
            seen.add(name or "")
        return bytes(reply.pack())

    return answer


def _fill(reply: DNSRecord, zone: Zone, name: str, rdtype: str, ttl: int) -> str | None:
    """Adds the records of one name; returns where a CNAME leads."""
    records = zone.get(name, ())
    found = [value for owned, value in records if owned == rdtype]
    aliases = [value for owned, value in records if owned == "CNAME"]
    if any(value is SERVFAIL for value in found):
        reply.header.rcode = RCODE.SERVFAIL
        return None
    if aliases:
        reply.add_answer(_make_record(name, "CNAME", aliases[0], ttl))
        return str(aliases[0]).lower()
    for value in found:
        reply.add_answer(_make_record(name, rdtype, value, ttl))
    if not found:
        reply.header.rcode = RCODE.NOERROR if name in zone else RCODE.NXDOMAIN
        reply.add_auth(soa(NEGATIVE_TTL))
    return None


def soa(minimum: int) -> RR:
    data = dnslib.SOA("ns.", "hostmaster.", (1, 3600, 600, 86400, minimum))
    return RR(".", QTYPE.SOA, rdata=data, ttl=86400)


def _make_record(name: str, rdtype: str, value: Any, ttl: int) -> RR:
    if rdtype == "TXT":
        strings = [value] if isinstance(value, bytes) else list(value)
        value = [part[i : i + 255] for part in strings for i in range(0, len(part) or 1, 255)]
        data = dnslib.TXT(value)
    elif rdtype == "MX":
        data = dnslib.MX(_label(value[1]), value[0])
    elif rdtype in ("PTR", "CNAME"):
        data = getattr(dnslib, rdtype)(_label(value))
    else:
        data = getattr(dnslib, rdtype)(value)
    return RR(_label(name), getattr(QTYPE, rdtype), rdata=data, ttl=ttl)


def _label(name: str) -> dnslib.DNSLabel:
    return dnslib.DNSLabel([part.encode("latin-1") for part in name.split(".") if part])
