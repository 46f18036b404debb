"""The mailboxes of an address field (RFC 5322 §3.4), read one token after the other.

Addresses are found in the bytes as sent, before RFC 2047 is undone: a display name that decodes
to `<someone@else>` must not become the address.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from fastsmtp.mail.decoding import decode_text
from fastsmtp.mail.words import decode_header, replace_controls, unfold

_ADDR_SPEC = rb'([^<>()"\s,:;@]++@[^<>()"\s,:;@]++)'
_ORDINARY = re.compile(
    rb'(?:[^<>()",:;@\\]*+|"(?:[^"\\]|\\.)*+"[ \t]*+)<' + _ADDR_SPEC + rb">"
    rb"|" + _ADDR_SPEC + rb"\Z"
)
# One mailbox without comments or groups: nearly every field.
_ONE_MAILBOX = re.compile(
    rb'(?:([^<>()",:;@\\]*+)|"([^"\\]*+)"[ \t]*+)<' + _ADDR_SPEC + rb">|" + _ADDR_SPEC
)
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"?|\\.?|[(),:;<>]|[^"\\(),:;<>]++', re.DOTALL)
_QUOTED_LOCAL_PART = re.compile(rb'"(?:[^"\\]|\\.)*+"@\S++\Z')
_QUOTED_PAIR = re.compile(rb"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class HeaderMailbox:
    """Who a field names. Words that are no address have `address` ''."""

    name: str
    address: str


def find_address(value: bytes) -> str:
    """The bare address of the first mailbox in a field, '' if there is none."""
    value = unfold(value)
    if ordinary := _ORDINARY.match(value):
        return _decode_address(ordinary[1] or ordinary[2])
    first = next(_scan(value), None)
    return _decode_address(first.address()) if first else ""


def read_mailboxes(value: bytes) -> Iterator[HeaderMailbox]:
    """All mailboxes of a field, those inside of groups too; the names of groups are left out.

    A mailbox without a display name gets the comment behind it (`ada@example.org (Ada)`).
    """
    value = unfold(value)
    if one := _ONE_MAILBOX.fullmatch(value):
        words, quoted, inside, bare = one.groups(default=b"")
        name = decode_header(words.strip() or quoted)
        yield HeaderMailbox(name=name, address=_decode_address(inside or bare))
        return
    for found in _scan(value):
        address = found.address()
        mailbox = HeaderMailbox(
            name=decode_header(found.name(address)), address=_decode_address(address)
        )
        if mailbox.name or mailbox.address:
            yield mailbox


@dataclass(slots=True)
class _Tokens:
    """Of one mailbox; `inside` of its angle brackets, None if it has none."""

    outside: list[bytes] = field(default_factory=list)
    inside: list[bytes] | None = None
    comment: list[bytes] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return self.inside is None and not b"".join(self.outside).strip()

    def address(self) -> bytes:
        found = b"".join(self.outside if self.inside is None else self.inside).strip()
        if found.startswith(b"@"):
            found = found.partition(b":")[2]  # RFC 5322 §4.4: a route is ignored
        # Words that are no address ("Mailer Daemon") are none of the receiver's business here.
        is_one_word = len(found.split()) == 1 or _QUOTED_LOCAL_PART.match(found)
        return found if is_one_word else b""

    def name(self, address: bytes) -> bytes:
        if self.inside is None and address:
            return b"".join(self.comment)
        return b"".join(map(_unquote, self.outside)).strip() or b"".join(self.comment)


def _scan(value: bytes) -> Iterator[_Tokens]:
    found, depth, is_closed = _Tokens(), 0, False
    for match in _TOKEN.finditer(value):
        token = match[0]
        if token == b"(":
            depth += 1
        elif token == b")":
            depth = max(0, depth - 1)
        elif depth:
            found.comment.append(token)
        elif found.inside is not None and not is_closed:
            if token == b"<":
                found.inside.clear()  # <<ada@example.org>>
            elif token == b">":
                is_closed = True
            else:
                found.inside.append(token)
        elif token in (b",", b";") or (token == b"<" and is_closed):
            if not found.is_empty:
                yield found
            found, is_closed = _Tokens(inside=[] if token == b"<" else None), False
        elif token == b"<":
            found.inside = []
        elif token == b":":
            found = _Tokens()  # what came before was the name of a group
        elif not is_closed:
            found.outside.append(token)
    if not found.is_empty:
        yield found


def _unquote(token: bytes) -> bytes:
    if token.startswith(b'"'):
        token = token[1:].removesuffix(b'"')
    return _QUOTED_PAIR.sub(rb"\1", token) if b"\\" in token else token


def _decode_address(address: bytes) -> str:
    return replace_controls(decode_text(address))
