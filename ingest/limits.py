"""What one client may cost us: how long, how much, how many at once."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

MEBI = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Those that nobody needs to configure; the others are in `fastsmtp.config`."""

    # Seconds for a command, or between two packets of a message (RFC 5321 §4.5.3.2.7).
    idle: float = 300.0
    proxy_header: float = 5.0  # seconds for the header of the PROXY protocol
    handshake: float = 30.0  # seconds for that of TLS
    transaction: float = 15 * 60.0  # seconds from MAIL to the end of the data
    errors: int = 20  # commands of a session that are no SMTP
    commands: int = 1000  # of a session since its last mail
    refused_recipients: int = 100  # the same; as many as one transaction may have by default
    data: int = 128 * MEBI  # bytes of DATA in progress in this process


class ConnectionCount:
    """How many connections there are, in all and from one address. IPv6 counts by the /64 that a
    customer is given (RFC 6177): addresses in it cost nothing."""

    def __init__(self, *, most: int, most_per_address: int) -> None:
        self._most = most
        self._most_per_address = most_per_address
        self._by_network: Counter[str] = Counter()
        self._count = 0

    def enter(self, address: str, *, is_trusted: bool) -> bool:
        """Counts a connection, or refuses it; one that was counted must `leave`."""
        network = network_of(address)
        if self._count >= self._most:
            return False
        if not is_trusted and self._by_network[network] >= self._most_per_address:
            return False
        self._count += 1
        self._by_network[network] += 1
        return True

    def leave(self, address: str) -> None:
        network = network_of(address)
        self._count -= 1
        self._by_network[network] -= 1
        if not self._by_network[network]:
            del self._by_network[network]


@lru_cache(maxsize=10_000)
def parse_address(address: str) -> IPv4Address | IPv6Address:
    """A busy client's is asked for with every mail."""
    return ip_address(address)


def is_in(address: str, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    """Not for an empty address: its owner was gone before we could ask."""
    return bool(address) and any(parse_address(address) in network for network in networks)


def network_of(address: str) -> str:
    """What counts as one client; the empty address of one that is gone stands for itself."""
    if ":" not in address:
        return address
    return str(IPv6Network((address, 64), strict=False))
