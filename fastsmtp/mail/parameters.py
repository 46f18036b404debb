"""Fields with parameters: Content-Type and Content-Disposition (RFC 2045 §5.1, RFC 2183).

RFC 2231 adds charsets and continuations to them (`filename*0*=…`). What senders really write
(encoded words, raw UTF-8, names with spaces and no quotes) is read as well.
"""

import re
from itertools import count, islice, takewhile
from urllib.parse import unquote_to_bytes

from fastsmtp.mail.decoding import decode_text
from fastsmtp.mail.notes import Notes
from fastsmtp.mail.words import decode_header, unfold

_COMMENT = re.compile(
    rb"\((?:[^()\\]++|\\.|\((?:[^()\\]++|\\.)*+\))*+\)", re.DOTALL
)  # with one more in it
_MAIN = re.compile(rb"(?:[^;(]++|" + _COMMENT.pattern + rb")*+", re.DOTALL)
# A value is quoted, or whatever stands before the next semicolon.
_PARAMETER = re.compile(rb';\s*+([^\s;="]++)\s*+=\s*+(?:"((?:[^"\\]|\\.)*+)"|([^;]*+))', re.DOTALL)
# Only these two: "C:\scan.pdf" in quotes is not meant to lose its backslash.
_QUOTED_PAIR = re.compile(rb'\\(["\\])')
# `name*1*` → name, number and whether the value is percent-encoded.
_EXTENDED = re.compile(r"([^*]+)(?:\*(\d{1,4}))?(\*?)")

MAX_PARAMETERS = 100

type _Segments = dict[int, tuple[bytes, bool]]


def parse_parameters(value: bytes, notes: Notes) -> tuple[str, dict[str, str]]:
    """The value in lower case without its parameters, and these by lower-case name, decoded.

    The first of two with one name counts, an RFC 2231 form before a plain one. No more than
    `MAX_PARAMETERS` are read. Never raises.
    """
    value = unfold(value)
    main, rest = _split_main(value)
    plain: dict[str, str] = {}
    extended: dict[str, _Segments] = {}
    found = _PARAMETER.finditer(rest)
    for parameter in islice(found, MAX_PARAMETERS):
        name, quoted, token = parameter.groups(b"")
        content = _QUOTED_PAIR.sub(rb"\1", quoted) if quoted else token.strip()
        _add(name.decode("latin-1").lower(), content, plain, extended)
    for label, segments in extended.items():
        plain[label], is_whole = _join(segments)
        if not is_whole:
            notes.defects["parameters_incomplete"] = None
    if rest and next(found, None):
        notes.defects["parameters_incomplete"] = None
    return main, plain


def read_main(value: bytes) -> str:
    """The value in lower case without comments and parameters."""
    return _split_main(unfold(value))[0]


def _split_main(value: bytes) -> tuple[str, bytes]:
    """Without comments (RFC 2045 §5.1); and what follows, from its semicolon on."""
    main, semicolon, rest = value.partition(b";")
    if b"(" in main and (found := _MAIN.match(value)):
        main = _COMMENT.sub(b"", found[0])
        _, semicolon, rest = value[found.end() :].partition(b";")
    return main.strip().decode("latin-1").lower(), semicolon + rest


def _add(name: str, content: bytes, plain: dict[str, str], extended: dict[str, _Segments]) -> None:
    parts = _EXTENDED.fullmatch(name) if "*" in name else None
    if parts is None:
        # A boundary may look like an encoded word and is none: it is compared as it stands.
        decode = decode_text if name == "boundary" else decode_header
        plain.setdefault(name, decode(content))
    else:
        segments = extended.setdefault(parts[1], {})
        segments.setdefault(int(parts[2] or 0), (content, bool(parts[3])))


def _join(segments: _Segments) -> tuple[str, bool]:
    """RFC 2231 §3 and §4: the first segment names the charset, a missing one ends the value. And
    whether none is missing.
    """
    data, charset = bytearray(), None
    numbers = list(takewhile(segments.__contains__, count()))
    for number in numbers:
        content, is_encoded = segments[number]
        if is_encoded and number == 0 and content.count(b"'") >= 2:
            label, _language, content = content.split(b"'", 2)
            charset = label.decode("latin-1")
        data += unquote_to_bytes(content) if is_encoded else content
    return decode_text(bytes(data), charset), len(numbers) == len(segments)
