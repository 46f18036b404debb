"""Which addresses may be called: the public ones, and what the operator has opened.

The ranges come from the IANA special-purpose address registries (RFC 6890). They are written out,
because the answer of `ipaddress.is_global` differs between patch releases of Python.
"""

import re
import socket
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Self

type Address = IPv4Address | IPv6Address
type Network = IPv4Network | IPv6Network

VARIABLE = "FASTSMTP_WEBHOOK_ALLOWED_INTERNAL_DOMAINS"

# Outside of it, IPv6 has nothing that is globally routed (RFC 4291 §2.4).
_GLOBAL_IPV6 = IPv6Network("2000::/3")

_NOT_PUBLIC: tuple[Network, ...] = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",  # this network, RFC 791
        "10.0.0.0/8",  # private, RFC 1918
        "100.64.0.0/10",  # carrier-grade NAT, RFC 6598
        "127.0.0.0/8",  # loopback, RFC 1122
        "172.16.0.0/12",  # private, RFC 1918
        "192.0.0.0/24",  # IETF protocol assignments, RFC 6890
        "192.0.2.0/24",  # documentation, RFC 5737
        "192.31.196.0/24",  # AS112, RFC 7535
        "192.52.193.0/24",  # AMT, RFC 7450
        "192.88.99.0/24",  # 6to4 relays, RFC 7526
        "192.168.0.0/16",  # private, RFC 1918
        "192.175.48.0/24",  # AS112, RFC 7534
        "198.18.0.0/15",  # benchmarks, RFC 2544
        "198.51.100.0/24",  # documentation, RFC 5737
        "203.0.113.0/24",  # documentation, RFC 5737
        "224.0.0.0/4",  # multicast, RFC 5771
        "240.0.0.0/4",  # reserved, and broadcast, RFC 1112
        "2001::/23",  # IETF protocol assignments: Teredo, benchmarks, ORCHID, RFC 2928
        "2001:db8::/32",  # documentation, RFC 3849
        "2002::/16",  # 6to4, RFC 3056
        "2620:4f:8000::/48",  # AS112, RFC 7534
        "3fff::/20",  # documentation, RFC 9637
    )
)

# Where clouds hand out credentials, link-local as a whole. A host name can be pointed there by
# whoever runs its DNS, so a name in the allow-list never opens these.
_METADATA: tuple[Network, ...] = tuple(
    ip_network(text)
    for text in (
        "169.254.0.0/16",  # link-local, RFC 3927; nearly every cloud
        "100.100.100.200/32",  # Alibaba
        "168.63.129.16/32",  # Azure, in a public range
        "192.0.0.192/32",  # Oracle
        "fd00:ec2::/32",  # AWS
        "fd20:ce::254/128",  # Google
    )
)

# IPv6 ranges whose addresses carry an IPv4 address, and how many bits to the right of it.
_EMBEDDING: tuple[tuple[IPv6Network, int], ...] = (
    (IPv6Network("::/96"), 0),  # IPv4-compatible, RFC 4291 §2.5.5.1
    (IPv6Network("::ffff:0:0/96"), 0),  # IPv4-mapped, RFC 4291 §2.5.5.2
    (IPv6Network("::ffff:0:0:0/96"), 0),  # IPv4-translated, RFC 2765 §2.1
    (IPv6Network("64:ff9b::/96"), 0),  # NAT64, RFC 6052 §2.1
    (IPv6Network("64:ff9b:1::/48"), 0),  # NAT64 for local use, RFC 8215
    (IPv6Network("2002::/16"), 80),  # 6to4, RFC 3056 §2
)

# In the range of the IPv4-compatible ones, but none of them.
_LOOPBACK = IPv6Address("::1")

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
# A last label that is a number makes resolvers read the whole as an IPv4 address: 127.1, 0x7f.1.
_HOST_NAME = re.compile(rf"(?!.{{254}})(?:{_LABEL}\.)*(?!(?:\d+|0x[0-9a-f]*)$){_LABEL}")


class AddressNotAllowed(Exception):
    """The call was refused before any packet; the text is one sentence without a full stop."""


def is_host_name(text: str) -> bool:
    """Lower-case ASCII, without a final dot (RFC 1123 §2.1); `_` occurs in container names."""
    return _HOST_NAME.fullmatch(text) is not None


@dataclass(frozen=True)
class AddressPolicy:
    """`allowed_names` open themselves and their sub-domains. `own_ports` are what this
    installation listens on: at an address of this machine they are never a target."""

    allowed_names: frozenset[str]
    allowed_ranges: tuple[Network, ...]
    own_ports: frozenset[int]

    @classmethod
    def parse(cls, entries: Sequence[str], own_ports: Collection[int]) -> Self:
        """`entries` are host names, IP addresses and CIDR ranges. Raises ValueError."""
        parsed = [_parse_entry(entry.strip()) for entry in entries]
        return cls(
            allowed_names=frozenset(entry for entry in parsed if isinstance(entry, str)),
            allowed_ranges=tuple(entry for entry in parsed if not isinstance(entry, str)),
            own_ports=frozenset(own_ports),
        )

    def check(self, *, host: str, address: str, port: int) -> None:
        """Raises AddressNotAllowed unless `host`, which resolved to `address`, may be called."""
        outer = ip_address(address)
        # Both must pass: with DNS64 every IPv4 host has an address in 64:ff9b::/96, and opening
        # that range must not open 64:ff9b::10.0.0.1.
        for ip in (outer, *_embedded(outer)):
            if port in self.own_ports and _is_of_this_machine(ip):
                raise AddressNotAllowed(
                    f"{_at(host, address)} is this machine, and its port {port} belongs to"
                    " FastSMTP itself"
                )
            if not _is_public(ip) and not self._is_opened(host, ip):
                raise AddressNotAllowed(_refusal(host=host, address=address, ip=ip))

    def _is_opened(self, host: str, ip: Address) -> bool:
        if _is_in(ip, self.allowed_ranges):
            return True
        return not _is_in(ip, _METADATA) and self._is_listed(host)

    def _is_listed(self, host: str) -> bool:
        labels = host.lower().removesuffix(".").split(".")
        return any(".".join(labels[start:]) in self.allowed_names for start in range(len(labels)))


def _parse_entry(entry: str) -> str | Network:
    name = entry.lower().removesuffix(".")
    if is_host_name(name):
        return name
    try:
        return ip_network(entry)
    except ValueError as error:
        reason = f" ({error})" if "host bits" in str(error) else ""
        raise ValueError(f"“{entry}” is neither a host name nor a CIDR range{reason}") from None


def _is_in(ip: Address, networks: tuple[Network, ...]) -> bool:
    return any(ip in network for network in networks)


def _is_public(ip: Address) -> bool:
    if ip.version == 6 and ip not in _GLOBAL_IPV6:
        return False
    return not _is_in(ip, _NOT_PUBLIC) and not _is_in(ip, _METADATA)


def _embedded(ip: Address) -> Iterator[IPv4Address]:
    """The IPv4 addresses that a gateway or the kernel may turn `ip` into."""
    if isinstance(ip, IPv4Address) or ip == _LOOPBACK:
        return
    for network, shift in _EMBEDDING:
        if ip in network:
            yield IPv4Address(int(ip) >> shift & 0xFFFFFFFF)
    yield from ip.teredo or ()


def _is_of_this_machine(ip: Address) -> bool:
    if ip.is_loopback or ip.is_unspecified:
        return True
    # Only an address of one of our interfaces can be bound; nothing is sent.
    try:
        with socket.socket(_family(ip), socket.SOCK_DGRAM) as probe:
            probe.bind((str(ip), 0))
    except OSError:
        return False
    return True


def _family(ip: Address) -> socket.AddressFamily:
    return socket.AF_INET if ip.version == 4 else socket.AF_INET6


def _at(host: str, address: str) -> str:
    return host if host == address else f"{host} ({address})"


def _refusal(*, host: str, address: str, ip: Address) -> str:
    if _is_in(ip, _METADATA):
        return (
            f"{_at(host, address)} is where clouds keep credentials; only a CIDR range in"
            f" {VARIABLE} opens it"
        )
    return (
        f"{_at(host, address)} is not a public address; list the host or its range in {VARIABLE}"
        " to open it"
    )
