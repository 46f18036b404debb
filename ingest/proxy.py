"""The PROXY protocol: a load balancer says first whose connection it passes on.

A header stands before everything else, before TLS too: a line of text in version 1, a binary block
in version 2 (https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt). Whoever may send one
can claim to be anybody, so only configured networks may; and from those it is required.
"""

import re
from ipaddress import IPv4Address, IPv6Address

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
