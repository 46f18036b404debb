"""The PROXY protocol: a load balancer says first whose connection it passes on.

A header stands before everything else, before TLS too: a line of text in version 1, a binary block
in version 2 (https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt). Whoever may send one
can claim to be anybody, so only configured networks may; and from those it is required.
"""

import asyncio
import logging
import os
import re
import socket
import ssl
from collections.abc import Callable, Sequence
from functools import partial
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import cast

from ingest.limits import is_in
from ingest.session import peer_address

log = logging.getLogger(__name__)
_tasks: set[asyncio.Task[None]] = set()  # the event loop itself does not keep its tasks alive

V1_PREFIX = b"PROXY "
V1_MAX = 107  # bytes with the line break (§2.1)
V2_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
V2_FIXED = 16  # bytes: the signature, version and command, family, length
V2_MAX = 2048  # bytes behind those; what belongs to TLS fits in

# One family is named at both ends; ports have no leading zero (§2.1).
_PORT = r"(?:0|[1-9][0-9]{0,4})"
_V1 = re.compile(
    rf"PROXY (?:UNKNOWN(?: [^\r\n]*)?|(TCP4|TCP6) (\S+) (\S+) ({_PORT}) ({_PORT}))\r\n", re.ASCII
)


def missing(data: bytes) -> int:
    """How many bytes must be read for certain before the header is complete; 0 when it is.

    Never asks for a byte behind the header. Raises ValueError for what cannot become one.
    """
    if not any(data.startswith(start[: len(data)]) for start in (V1_PREFIX, V2_SIGNATURE)):
        raise ValueError("no PROXY header")
    if len(data) < len(V2_SIGNATURE):  # no header of either version is as short
        return len(V2_SIGNATURE) - len(data)
    if data.startswith(V1_PREFIX):
        if data.endswith(b"\r\n"):
            return 0
        if len(data) >= V1_MAX:
            raise ValueError("the PROXY line is too long")
        return 1
    if len(data) < V2_FIXED:
        return V2_FIXED - len(data)
    length = int.from_bytes(data[14:16])
    if length > V2_MAX:
        raise ValueError("the PROXY header is too long")
    return V2_FIXED + length - len(data)


def parse(header: bytes) -> str | None:
    """The client's address in a complete header; None when the peer speaks for itself, or does not
    know. Raises ValueError."""
    return _parse_v2(header) if header.startswith(V2_SIGNATURE) else _parse_v1(header)


def _parse_v1(header: bytes) -> str | None:
    match = _V1.fullmatch(header.decode("ascii")) if len(header) <= V1_MAX else None
    if match is None:
        raise ValueError("malformed PROXY line")
    family, source, destination, *ports = match.groups()
    if family is None:
        return None
    if any(int(port) > 0xFFFF for port in ports):
        raise ValueError("a port that is none in the PROXY line")
    if "%" in source + destination:
        raise ValueError("a zone in the PROXY line")
    if family == "TCP4":
        IPv4Address(destination)
        return str(IPv4Address(source))
    IPv6Address(destination)
    return _text(IPv6Address(source))


def _parse_v2(header: bytes) -> str | None:
    """What follows the addresses (TLVs, a checksum among them) is not looked at (§2.2.7)."""
    version_and_command, family = header[12], header[13]
    length = int.from_bytes(header[14:16])
    addresses = header[V2_FIXED:]
    if len(addresses) != length or length > V2_MAX:
        raise ValueError("a PROXY header of the wrong length")
    match version_and_command, family:
        case (0x20, _) | (0x21, 0x00):  # LOCAL; UNSPEC is what version 1 calls UNKNOWN
            return None
        case (0x21, 0x11) if length >= 12:  # TCP over IPv4
            return str(IPv4Address(addresses[:4]))
        case (0x21, 0x21) if length >= 36:  # TCP over IPv6
            return _text(IPv6Address(addresses[:16]))
    raise ValueError("a PROXY header of another version, command or family")


def _text(address: IPv6Address) -> str:
    """An IPv4 client of a proxy that listens on IPv6 is counted and trusted as what it is."""
    return str(address.ipv4_mapped or address)


class Doorman(asyncio.Protocol):
    """Reads the header, not a byte more, and leaves the socket to a new session.

    What follows may be in the same packet, and a TLS handshake cannot be given what a transport
    has read already. So this one's transport ends before it reads, and a copy of its socket stays.
    """

    def __init__(
        self,
        new_session: Callable[[str | None], asyncio.BaseProtocol],
        *,
        networks: Sequence[IPv4Network | IPv6Network],
        tls: ssl.SSLContext | None,
        seconds: float,
    ) -> None:
        """`tls` is for a port that speaks it from the first byte after the header, which has to
        come within so many `seconds`."""
        self._new_session = new_session
        self._networks = networks
        self._tls = tls
        self._seconds = seconds

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        peer = peer_address(transport)
        connection = socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno()))
        connection.setblocking(False)
        cast(asyncio.Transport, transport).abort()
        task = asyncio.get_running_loop().create_task(self._admit(connection, peer))
        _tasks.add(task)
        task.add_done_callback(_tasks.discard)

    async def _admit(self, connection: socket.socket, peer: str) -> None:
        try:
            client = await self._client(connection) if is_in(peer, self._networks) else None
        except EOFError:  # such is the health check of many a balancer
            connection.close()
            return
        except (ValueError, OSError) as error:
            log.info(
                "connection of proxy %s closed: %s", peer, str(error) or "no PROXY header in time"
            )
            connection.close()
            return
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                partial(self._new_session, client), connection, ssl=self._tls
            )
        except OSError as error:
            log.info("no TLS with %s: %s", client or peer, error)

    async def _client(self, connection: socket.socket) -> str | None:
        header = b""
        async with asyncio.timeout(self._seconds):
            while count := missing(header):
                chunk = await asyncio.get_running_loop().sock_recv(connection, count)
                if not chunk:
                    raise EOFError
                header += chunk
        return parse(header)
