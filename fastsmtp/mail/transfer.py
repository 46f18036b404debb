"""Undoing transfer encodings (RFC 2045 §6). Nothing in here raises."""

import binascii
import re
from collections.abc import Iterator

MAX_FOOTER_OCTETS = 16 * 1024  # in which one is looked for

_IDENTITIES = ("", "7bit", "8bit", "binary")
_BLOCK_OCTETS = 64 * 1024
_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_BLANKS = b" \t\r\n"
_FOREIGN = bytes(set(range(256)) - set(_LETTERS + b"="))
# So many letters in a row are no text that somebody wrote.
_LONG_LINE = re.compile(rb"[A-Za-z0-9+/]{40}[^\n]*+")
# Words, or a line drawn of something else.
_TEXT_LINE = re.compile(rb"^[ \t]*+(?:\S++[ \t]++\S|[^\sA-Za-z0-9+/=]++\s*?$)", re.MULTILINE)


def decode_transfer(data: memoryview, encoding: str) -> tuple[bytes, str | None]:
    """The bytes behind a Content-Transfer-Encoding, and a word for what is wrong with them; of an
    unknown encoding they are left as they are.
    """
    match encoding:
        case "base64":
            decoded, is_sound = decode_base64(data)
            return decoded, None if is_sound else "base64_damaged"
        case "quoted-printable":
            return binascii.a2b_qp(data), None
    return bytes(data), None if encoding in _IDENTITIES else "encoding_unknown"


def decode_base64(data: memoryview) -> tuple[bytes, bool]:
    """What can be read of `data`, and whether that is all; padding may be missing.

    Text in the last lines is a footer that somebody added, and not decoded; what is text from its
    first line on is left as it is.
    """
    others = _delete(data, _LETTERS + _BLANKS)
    tail = bytes(data[-MAX_FOOTER_OCTETS:])
    if others in (b"", b"=", b"==") and tail.translate(None, _BLANKS).endswith(others):
        try:
            return binascii.a2b_base64(data), True
        except binascii.Error:
            return decode_pieces(data), len(_delete(data, _BLANKS + b"=")) % 4 != 1
    text = _find_footer(tail) if others.strip(b"=") else len(tail)
    end = len(data) - len(tail) + text
    return (decode_pieces(data[:end]) if end else bytes(data)), False


def decode_pieces(data: bytes | memoryview) -> bytes:
    """Base64 of which each padding may end a piece: some encode every line by itself. Foreign
    characters are skipped.
    """
    decoded, rest = bytearray(), b""
    for block in _split_blocks(data):
        *padded, rest = (rest + block.translate(None, _FOREIGN)).split(b"=")
        decoded += b"".join([_decode_piece(piece) for piece in padded if piece])
        whole = len(rest) & ~3
        decoded += binascii.a2b_base64(rest[:whole])
        rest = rest[whole:]
    return bytes(decoded + _decode_piece(rest))


def _decode_piece(letters: bytes) -> bytes:
    # One letter holds 6 bits and makes no byte: a last one alone says nothing.
    return binascii.a2b_base64((letters[:-1] if len(letters) & 3 == 1 else letters) + b"==")


def _find_footer(tail: bytes) -> int:
    """Where the first line of text behind the last long line begins."""
    last = max((line.end() for line in _LONG_LINE.finditer(tail)), default=0)
    text = _TEXT_LINE.search(tail, last)
    return text.start() if text else len(tail)


def _delete(data: memoryview, characters: bytes) -> bytes:
    return b"".join(block.translate(None, characters) for block in _split_blocks(data))


def _split_blocks(data: bytes | memoryview) -> Iterator[bytes]:
    """A copy of all of it would double the memory that a large attachment takes."""
    for start in range(0, len(data), _BLOCK_OCTETS):
        yield bytes(data[start : start + _BLOCK_OCTETS])
