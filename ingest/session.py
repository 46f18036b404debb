"""Who is talking to us: what is known from the greeting, or from STARTTLS, to the end."""

import asyncio

from aiosmtpd.smtp import Session


def peer_address(transport: asyncio.BaseTransport) -> str:
    """Empty when the client was gone before we could ask. Without the zone of a link-local IPv6
    address (RFC 4007 §11): it means nothing later."""
    peer = transport.get_extra_info("peername")
    if peer is None:
        return ""
    address: str = peer[0].partition("%")[0]
    # On a socket for both, IPv4 looks like IPv6 (RFC 4291 §2.5.5.2).
    return address.removeprefix("::ffff:") if "." in address else address


class ClientSession(Session):
    """aiosmtpd's session, with what is stored of the connection."""

    client_ip = ""
    tls = ("", "")  # version and cipher, empty in clear

    def describe(self, transport: asyncio.BaseTransport, *, proxied: str | None) -> None:
        """`proxied` is the client's address when the peer is only its proxy."""
        self.peer = transport.get_extra_info("peername")
        self.client_ip = proxied or peer_address(transport)
        if cipher := transport.get_extra_info("cipher"):
            self.tls = (cipher[1], cipher[0])

    @property
    def is_encrypted(self) -> bool:
        return bool(self.tls[0])

    def greet(self, name: str, *, is_extended: bool) -> None:
        """HELO or EHLO. The name may be anything; what nobody could print becomes `?`."""
        self.host_name = "".join(char if char.isprintable() else "?" for char in name)
        self.extended_smtp = is_extended
