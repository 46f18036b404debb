"""Addresses of the envelope (RFC 5321 §4.1.2, RFC 6531 §3.3) and domain names (RFC 5890)."""

import ipaddress
import re
from dataclasses import dataclass

import idna

MAX_DOMAIN_LENGTH = 253
MAX_LOCAL_PART_OCTETS = 64
# A path has 256 octets (RFC 5321 §4.5.3.1.3), two of which are the angle brackets.
MAX_ADDRESS_OCTETS = 254
MAX_SENDER_OCTETS = 320  # 64 + 1 + 255

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN = rf"{_LABEL}(?:\.{_LABEL})*"
_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]"
_ASCII_DOMAIN = re.compile(_DOMAIN)
_ASCII_MAILBOX = re.compile(rf"({_ATEXT}+(?:\.{_ATEXT}+)*)@({_DOMAIN})")

# RFC 6531 adds every character beyond ASCII; we leave out C1 controls, line ends and surrogates.
_NO_TEXT = r"\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff"
_UNSAFE = re.compile(rf"[{_NO_TEXT} ]")
_ATOM = rf'[^{_NO_TEXT} "(),.:;<>@\[\\\]]+'
_DOT_STRING = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_QUOTED_STRING = re.compile(rf'"((?:[^{_NO_TEXT}"\\]|\\[ -~])*)"')
_QUOTED_PAIR = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A mailbox with its local part unquoted, in its own case, and a normalized domain."""

    local_part: str
    domain: str

    @property
    def address(self) -> str:
        """The shortest way to write it: quoted only where the local part asks for it."""
        if _DOT_STRING.fullmatch(self.local_part):
            return f"{self.local_part}@{self.domain}"
        quoted = self.local_part.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{quoted}"@{self.domain}'


def parse_mailbox(text: str, *, allow_literal: bool = False) -> Mailbox:
    """The mailbox of an envelope path, given without its angle brackets.

    Source: RFC 5321 §4.1.2 with the UTF-8 of RFC 6531. An address literal (`[192.0.2.1]`) is a
    domain only with `allow_literal`. Raises ValueError with a sentence that repeats no input.
    """
    if ordinary := _ASCII_MAILBOX.fullmatch(text):
        local_part, domain = ordinary[1], ordinary[2].lower()
        # "xn--" needs the IDNA check. With lengths like these no other limit can be broken.
        if len(local_part) <= 64 and len(domain) <= 189 and "xn--" not in domain:
            return Mailbox(local_part, domain)
    local_part, at, domain = text.rpartition("@")
    if not at:
        raise ValueError("The address has no @.")
    mailbox = Mailbox(
        _parse_local_part(local_part),
        _parse_literal(domain) if allow_literal and domain[:1] == "[" else normalize_domain(domain),
    )
    if len(mailbox.address.encode()) > MAX_ADDRESS_OCTETS:
        raise ValueError(f"The address is longer than {MAX_ADDRESS_OCTETS} octets.")
    return mailbox


def parse_reverse_path(text: str) -> str:
    """The sender of an envelope, given without its angle brackets; `""` is the null path (§4.5.5).

    The grammar is not enforced: devices name themselves `root@192.168.1.5` or `ups@plant_7`, and
    VERP and SRS make local parts longer than 64 octets. Refusing would lose their mail, so only
    what cannot be an address at all raises ValueError: control characters, spaces, no `@`, more
    than 320 octets.
    """
    if not text:
        return ""
    try:
        return parse_mailbox(text, allow_literal=True).address
    except ValueError:
        if "@" not in text or _UNSAFE.search(text) or len(text.encode()) > MAX_SENDER_OCTETS:
            raise
        return text


def normalize_domain(text: str) -> str:
    """The domain in lower-case A-labels, without the trailing dot: what we store and compare.

    Source: RFC 5890 with the mapping of UTS 46. A single label (`localhost`) is a domain too.
    Raises ValueError with a sentence that repeats no input.
    """
    domain = text.removesuffix(".")
    if not domain:
        raise ValueError("The domain name is empty.")
    if len(domain) > MAX_DOMAIN_LENGTH:
        raise ValueError(f"The domain name is longer than {MAX_DOMAIN_LENGTH} characters.")
    if not domain.isascii() or "xn--" in domain.lower():
        domain = _to_a_labels(domain)
    if "" in domain.split("."):
        raise ValueError("The domain name has an empty label.")
    if max(map(len, domain.split("."))) > 63:
        raise ValueError("A label of the domain name is longer than 63 characters.")
    if not _ASCII_DOMAIN.fullmatch(domain):
        raise ValueError(
            "A domain name is made of letters, digits, dots and, inside its labels, hyphens."
        )
    return domain.lower()


def split_tag(local_part: str) -> tuple[str, str | None]:
    """`support+TICKET-1` → `("support", "TICKET-1")`; the tag is None if there is no plus."""
    base, plus, tag = local_part.partition("+")
    return (base, tag) if base and plus else (local_part, None)


def _parse_local_part(text: str) -> str:
    if quoted := _QUOTED_STRING.fullmatch(text):
        local_part = _QUOTED_PAIR.sub(r"\1", quoted[1])
    elif _DOT_STRING.fullmatch(text):
        local_part = text
    else:
        raise ValueError("The part before the @ is not well-formed.")
    if len(local_part.encode()) > MAX_LOCAL_PART_OCTETS:
        raise ValueError(f"The part before the @ is longer than {MAX_LOCAL_PART_OCTETS} octets.")
    return local_part


def _parse_literal(text: str) -> str:
    """RFC 5321 §4.1.3; general address literals have no registered tag but IPv6."""
    content = text[1:].removesuffix("]")
    tag, colon, rest = content.partition(":")
    try:
        if not text.endswith("]") or "%" in text:
            raise ValueError
        if colon and tag.lower() == "ipv6":
            return f"[IPv6:{ipaddress.IPv6Address(rest)}]"
        return f"[{ipaddress.IPv4Address(content)}]"
    except ValueError:
        raise ValueError("The address literal is not an IP address in brackets.") from None


def _to_a_labels(domain: str) -> str:
    try:
        return idna.encode(domain, uts46=True).decode("ascii")
    except UnicodeError:  # idna.IDNAError is one
        raise ValueError("The domain name is not a valid international domain name.") from None
