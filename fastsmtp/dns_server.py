"""The address of a name server, as one writes it into a variable."""

import re
from ipaddress import ip_address
from typing import NamedTuple, Self

DNS_PORT = 53

# Brackets as in RFC 3986 §3.2.2, around an IPv6 address that a port follows.
_WITH_PORT = re.compile(r"(?:\[([^\]]*:[^\]]*)\]|([^:\[\]]*)):([0-9]{1,5})")


class DNSServer(NamedTuple):
    """`host` is an IP address: somebody would have to be asked for a name."""

    host: str
    port: int = DNS_PORT

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads `192.0.2.1`, `192.0.2.1:5353`, `2001:db8::1` or `[2001:db8::1]:5353`.

        Raises ValueError.
        """
        with_port = _WITH_PORT.fullmatch(text)
        host = (with_port[1] or with_port[2]) if with_port else text
        port = int(with_port[3]) if with_port else DNS_PORT
        try:
            ip_address(host)
        except ValueError:
            port = 0
        if not 0 < port <= 0xFFFF:
            raise ValueError(f"“{text}” is not an IP address, with or without a port")
        return cls(host, port)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"
