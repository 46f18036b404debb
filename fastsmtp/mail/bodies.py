"""Which leaf is the body of a message, and its text."""

from fastsmtp.mail.attachment import read_disposition
from fastsmtp.mail.decoding import REPLACEMENT, decode_text, find_codec
from fastsmtp.mail.part import Part

# Bytes of a body that are decoded. ASCII has no limit: it takes one byte a character in memory
# too, where a single emoji makes it four for each (and a NUL, which is replaced, two).
MAX_OCTETS = 2 * 1024 * 1024

_TYPES = ("text/plain", "text/html")
_ASCII_CODECS = (None, "utf_8", "cp1252")  # how ASCII is labelled


def choose_body(leaves: list[Part]) -> tuple[Part | None, Part | None]:
    """The text and the HTML of the body.

    Plain text after HTML counts only as the alternative of it: elsewhere it is the footer that
    a mailing list or a virus scanner added.
    """
    candidates = [part for part in leaves if _may_be_body(part)]
    text = next((part for part in candidates if part.content_type == "text/plain"), None)
    html = next((part for part in candidates if part.content_type == "text/html"), None)
    if text and html and candidates[0] is html:
        is_alternative = html.alternative is not None and html.alternative == text.alternative
        text = text if is_alternative else None
    return text, html


def read_text(part: Part) -> tuple[str, bool]:
    """The text with `\\n` for every line break, and whether it is all of it."""
    data, charset = part.decode(), part.parameters.get("charset")
    is_whole = len(data) <= MAX_OCTETS or (
        data.isascii()
        and b"\0" not in data
        and (charset is None or find_codec(charset) in _ASCII_CODECS)
    )
    if is_whole:
        text = decode_text(data, charset)
    else:
        text = decode_text(data[:MAX_OCTETS], charset).rstrip(REPLACEMENT)  # half a character
    text = text.removeprefix("\ufeff")
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text, is_whole


def _may_be_body(part: Part) -> bool:
    if part.content_type not in _TYPES:
        return False
    disposition, parameters = read_disposition(part)
    is_named = "filename" in parameters or "name" in part.parameters
    return disposition != "attachment" and (part.is_root or not is_named)
