"""The Received field that we add to a message (RFC 5321 §4.4)."""

import ipaddress
import re
from collections.abc import Sequence
from datetime import datetime
from email.utils import format_datetime

_NO_NAME = re.compile(r"[^A-Za-z0-9._:\[\]-]")
_MAX_HELO_LENGTH = 255


def describe_received(
    *,
    helo: str,
    client_ip: str,
    hostname: str,
    protocol: str,
    queue_id: str,
    recipients: Sequence[str],
    received_at: datetime,
) -> list[str]:
    """The value of the field in parts, each of which may begin a line.

    What cannot be in a name becomes a question mark in `helo`. The recipient is named only if
    there is just one: others are nobody's business (RFC 5321 §7.2). `received_at` is aware.
    `protocol` may be empty: not known.
    """
    name = _NO_NAME.sub("?", helo[:_MAX_HELO_LENGTH]) or "unknown"
    parts = [f"from {name} ({_write_literal(client_ip)})"]
    with_protocol = f" with {protocol}" if protocol else ""
    parts.append(f"by {hostname}{with_protocol} id {queue_id}")
    if len(recipients) == 1:
        parts.append(f"for <{recipients[0]}>")
    parts[-1] += ";"
    return [*parts, format_datetime(received_at)]


def name_protocol(*, is_extended: bool, is_tls: bool, is_utf8: bool) -> str:
    """The word after `with`: RFC 3848, and RFC 6531 §3.7.3 for a transaction with SMTPUTF8."""
    if is_utf8:
        return "UTF8SMTPS" if is_tls else "UTF8SMTP"
    if is_tls:
        return "ESMTPS"
    return "ESMTP" if is_extended else "SMTP"


def _write_literal(client_ip: str) -> str:
    try:
        address = ipaddress.ip_address(client_ip.partition("%")[0])
    except ValueError:
        return "unknown"  # a Unix socket has no address
    return f"[IPv6:{address}]" if address.version == 6 else f"[{address}]"
