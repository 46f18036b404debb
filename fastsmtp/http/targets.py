"""From a URL that somebody typed to the host that would be called."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from yarl import URL

from fastsmtp.http.addresses import AddressPolicy, is_host_name


@dataclass(frozen=True)
class Target:
    """`host` is ASCII and lower-case; a literal address when `is_literal`."""

    url: URL
    host: str
    port: int
    is_literal: bool


def parse_target(text: str) -> Target:
    """Raises ValueError with a sentence for whatever is not a plain http or https URL.

    The parser is the one that the door uses for its requests, so that both see the same host.
    """
    url = _parse_url(text)
    host = url.raw_host or ""
    is_literal = _is_literal(host)
    if not is_literal and not is_host_name(host.removesuffix(".")):
        raise ValueError(f"“{host}” is neither a host name nor an IP address in its usual form")
    if not url.port:
        raise ValueError("the port of the URL must be between 1 and 65535")
    return Target(url=url, host=host, port=url.port, is_literal=is_literal)


def _parse_url(text: str) -> URL:
    # Parsers disagree on which of these they drop, and so on where the host ends.
    if " " in text or not text.isprintable():
        raise ValueError("the URL must not contain spaces or control characters")
    if "#" in text:
        raise ValueError("the URL must not have a fragment (#…): it would never be sent")
    try:
        url = URL(text)
    except ValueError as error:
        raise ValueError(f"this is not a URL: {error}") from None
    if url.scheme not in ("http", "https"):
        raise ValueError("the URL must begin with http:// or https://")
    if "@" in url.raw_authority:
        raise ValueError("the URL must not contain a user name or password; use a header instead")
    return url


def _is_literal(host: str) -> bool:
    """Only the canonical forms: `127.1`, `2130706433` or `0x7f.1` are nobody's host name."""
    try:
        ip = ip_address(host)
    except ValueError:
        return False
    # A zone (RFC 4007 §11) names one of our interfaces.
    if isinstance(ip, IPv6Address) and ip.scope_id is not None:
        raise ValueError("the URL must not name a network interface")
    return True


def _look_up(host: str) -> Sequence[str]:
    # dnspython costs 70 ms at the start, and most processes never save a URL.
    from fastsmtp.http.names import Names

    async def look_up() -> Sequence[str]:
        return await Names().addresses(host)

    return asyncio.run(look_up())


def check_url(url: str, policy: AddressPolicy) -> str | None:
    """For saving a URL; blocks while the name is looked up, for some seconds at most.

    Raises ValueError when it is not a usable URL and AddressNotAllowed when it leads to a refused
    address, each with one sentence. A name may be saved before its DNS exists: then the answer is
    a sentence of warning, otherwise None.
    """
    target = parse_target(url)
    try:
        addresses = [target.host] if target.is_literal else _look_up(target.host)
    except OSError:
        return f"{target.host} does not resolve yet"
    for address in addresses:
        policy.check(host=target.host, address=address, port=target.port)
    return None
