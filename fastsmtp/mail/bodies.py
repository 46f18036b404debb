"""Which leaf is the body of a message, and its text."""

import re

from fastsmtp.mail.attachment import read_disposition
from fastsmtp.mail.decoding import REPLACEMENT, decode_labelled, find_codec
from fastsmtp.mail.part import Part

# Bytes of a body that are decoded. ASCII has no limit: it takes one byte a character in memory
# too, where a single emoji makes it four for each (and a NUL, which is replaced, two).
MAX_OCTETS = 2 * 1024 * 1024

META_OCTETS = 1024  # in which HTML names its charset (HTML §4.2.5.4)

_META = re.compile(
    rb"<meta\s[^>]{0,200}?charset\s{0,9}=\s{0,9}[\"']?([\w.:-]{1,40})", re.IGNORECASE
)
_TYPES = ("text/plain", "text/html")
_ASCII_CODECS = (None, "ascii", "utf_8", "cp1252")  # how ASCII is labelled


def choose_body(leaves: list[Part]) -> tuple[Part | None, Part | None]:
    """The text and the HTML of the body.

    Plain text after HTML counts only as the alternative of it: elsewhere it is the footer that
    a mailing list or a virus scanner added. HTML after text counts where nothing stands between
    them, too: behind a picture it is another text.
    """
    candidates = [part for part in leaves if _may_be_body(part)]
    text = next((part for part in candidates if part.content_type == "text/plain"), None)
    html = next((part for part in candidates if part.content_type == "text/html"), None)
    if text is None or html is None or _are_alternatives(text, html):
        return text, html
    if candidates[0] is html:
        return None, html
    return text, html if leaves.index(html) == leaves.index(text) + 1 else None


def _are_alternatives(one: Part, other: Part) -> bool:
    return one.alternative is not None and one.alternative == other.alternative


def read_text(part: Part) -> tuple[str, bool]:
    """The text with `\\n` for every line break, and whether it is all of it."""
    data = part.decode()
    charset = part.parameters.get("charset") or _find_declared(part, data)
    is_whole = len(data) <= MAX_OCTETS or (
        data.isascii()
        and b"\0" not in data
        and (charset is None or find_codec(charset) in _ASCII_CODECS)
    )
    text, defect = decode_labelled(data if is_whole else data[:MAX_OCTETS], charset)
    if not is_whole:
        shorter = text.rstrip(REPLACEMENT)
        text = shorter if len(text) - len(shorter) <= 3 else text  # half a character
    if defect and (is_whole or REPLACEMENT in text or defect != "charset_wrong"):
        part.notes.defects[defect] = None
    text = text.removeprefix("\ufeff")
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text, is_whole


def _find_declared(part: Part, data: bytes) -> str | None:
    """The charset that HTML names itself. Who writes UTF-8 often leaves an old name standing."""
    found = _META.search(data, 0, META_OCTETS) if part.content_type == "text/html" else None
    if found is None or decode_labelled(data, "utf-8")[1] is None and not data.isascii():
        return None
    return found[1].decode()


def _may_be_body(part: Part) -> bool:
    if part.content_type not in _TYPES:
        return False
    disposition, parameters = read_disposition(part)
    is_named = "filename" in parameters or "name" in part.parameters
    has_no_other_place = part.is_root or part.alternative is not None
    return disposition != "attachment" and (has_no_other_place or not is_named)
