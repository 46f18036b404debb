"""A message as a DKIM signature sees it (RFC 6376 §3.4): header fields and body in canonical form.

dkimpy does this too, but needs quadratic time for a line of spaces and a list entry for every
single space of the mail, and strips more than the spaces and tabs that the RFC names. The tests
compare the two.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable

from fastsmtp.mail.headers import MAX_BLOCK_OCTETS, find_block_end, split_whole_fields

# The value of b= with the white space around it counts as empty (§3.5).
_B_VALUE = re.compile(rb"((?:\A|;)[ \t\r\n]*+b[ \t\r\n]*+=)[^;]*+")


class SignedMessage:
    """The header fields of a message by lower-case name, from top to bottom, and its body.

    `is_malformed`: the header does not end with an empty line or with the message, or is longer
    than `MAX_BLOCK_OCTETS`, so that nobody knows where the body begins. Lines end with CRLF.
    """

    def __init__(self, raw: bytes) -> None:
        end = find_block_end(raw, 0)
        has_body = raw.startswith(b"\r\n", end)
        self.is_malformed = end >= MAX_BLOCK_OCTETS or not (has_body or end == len(raw))
        self.fields: dict[bytes, list[bytes]] = {}
        for name, field in split_whole_fields(raw, 0, end):
            self.fields.setdefault(name.lower(), []).append(field)
        self._raw = raw
        self._body_start = end + 2 if has_body else len(raw)
        self._bodies: dict[bool, bytes] = {}
        self._relaxed_fields: dict[bytes, bytes] = {}

    def body(self, *, is_relaxed: bool) -> bytes:
        """The whole body in canonical form."""
        if is_relaxed not in self._bodies:
            body = self._raw[self._body_start :]
            self._bodies[is_relaxed] = relax_body(body) if is_relaxed else simplify_body(body)
        return self._bodies[is_relaxed]

    def hash_header(self, names: Iterable[bytes], signature: bytes, *, is_relaxed: bool) -> bytes:
        """SHA-256 of the fields that h= names and of the signature's own field (§3.7).

        Of several fields with one name the lowest comes first (§5.4.2). A name without a field,
        or without one more, adds nothing.
        """
        canonicalize = self._relax_field if is_relaxed else _simplify_field
        taken: Counter[bytes] = Counter()
        parts = []
        for name in names:
            taken[name] += 1
            fields = self.fields.get(name, ())
            if taken[name] <= len(fields):
                parts.append(canonicalize(fields[-taken[name]]))
        name, _, value = signature.partition(b":")
        unsigned = name + b":" + _B_VALUE.sub(rb"\1", value)
        parts.append(canonicalize(unsigned).removesuffix(b"\r\n"))
        return hashlib.sha256(b"".join(parts)).digest()

    def _relax_field(self, field: bytes) -> bytes:
        if field not in self._relaxed_fields:
            self._relaxed_fields[field] = relax_field(field)
        return self._relaxed_fields[field]


def relax_field(field: bytes) -> bytes:
    """§3.4.2: the name in lower case, one line, one space for a run of white space."""
    name, _, value = field.partition(b":")
    value = _squeeze(value.replace(b"\r\n", b"")).strip(b" ")
    return b"%b:%b\r\n" % (name.rstrip(b" \t").lower(), value)


def simplify_body(body: bytes) -> bytes:
    """§3.4.3: one CRLF at the end, however many there were."""
    return body[: _find_text_end(body)] + b"\r\n"


def relax_body(body: bytes) -> bytes:
    """§3.4.4: also no white space at the end of a line, and elsewhere one space for a run of it."""
    body = _squeeze(body).replace(b" \r\n", b"\r\n").removesuffix(b" ")
    end = _find_text_end(body)
    return body[:end] + b"\r\n" if end else b""


def _squeeze(text: bytes) -> bytes:
    """One space for a run of white space."""
    text = text.replace(b"\t", b" ")
    while b"  " in text:  # each turn halves the longest run
        text = text.replace(b"  ", b" ")
    return text


def _simplify_field(field: bytes) -> bytes:
    return field.removesuffix(b"\r\n") + b"\r\n"


def _find_text_end(body: bytes) -> int:
    """Where the CRLFs at the end of the body begin."""
    line_ends = body[len(body.rstrip(b"\r\n")) :].replace(b"\r\n", b"$")
    return len(body) - 2 * (len(line_ends) - len(line_ends.rstrip(b"$")))
