"""What the value of a header field says: unfolded (RFC 5322 §2.2.3) and decoded (RFC 2047)."""

import binascii
import re
from collections.abc import Iterator

from fastsmtp.mail.decoding import decode_text
from fastsmtp.mail.transfer import decode_pieces

_FOLD = re.compile(rb"\r?\n[ \t]+")
_CONTROL = re.compile(r"[\x01-\x08\x0a-\x1f\x7f]")

# RFC 2047 §2, with the language of RFC 2231 §5. Senders leave spaces in the text, so we take them.
_WORD = re.compile(rb"=\?([^?*\s]{1,75}+)(?:\*[^?\s]{0,75}+)?\?([bBqQ])\?([^?]*+)\?=")


def decode_header(value: bytes) -> str:
    """The value as a person reads it: unfolded, RFC 2047 decoded, without control characters.

    Bytes above 127 are taken as UTF-8 (RFC 6532), else as Windows-1252. A line break or another
    control character becomes a space, also one that an encoded word brought in.
    """
    value = unfold(value)
    if b"=?" not in value and value.isascii() and (text := value.decode()).isprintable():
        return text  # nearly every value
    if b"=?" in value:
        text = "".join(decode_text(data, charset) for data, charset in _split_words(value) if data)
    else:
        text = decode_text(value)
    return text if text.isprintable() else replace_controls(text).strip()


def unfold(value: bytes) -> bytes:
    """RFC 5322 §2.2.3; a fold with all its white space becomes one space."""
    return (_FOLD.sub(b" ", value) if b"\n" in value else value).strip()


def replace_controls(text: str) -> str:
    """A space for each control character but the tab."""
    return _CONTROL.sub(" ", text)


def _split_words(value: bytes) -> Iterator[tuple[bytes, str | None]]:
    """Runs of bytes with their charset, None for text outside of encoded words.

    White space between two words does not count (RFC 2047 §6.2). Neighbours of one charset are
    joined before they are decoded: many senders cut inside a character.
    """
    run, run_charset, position = bytearray(), None, 0
    for word in _WORD.finditer(value):
        gap = value[position : word.start()]
        if gap and not (position and gap.isspace()):
            yield bytes(run), run_charset
            yield gap, None
            run, run_charset = bytearray(), None
        charset = word[1].decode("latin-1").lower()
        if charset != run_charset:
            yield bytes(run), run_charset
            run, run_charset = bytearray(), charset
        run += _decode_word(word[2], word[3])
        position = word.end()
    yield bytes(run), run_charset
    yield value[position:], None


def _decode_word(encoding: bytes, text: bytes) -> bytes:
    if encoding in b"bB":
        return decode_pieces(text)
    return binascii.a2b_qp(text, header=True)
