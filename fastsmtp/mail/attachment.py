"""An attachment and its file name, which is chosen by the sender and used by others as a path."""

import hashlib
import re
from dataclasses import dataclass, field
from functools import cached_property

from fastsmtp.mail.headers import decode_header
from fastsmtp.mail.parameters import parse_parameters
from fastsmtp.mail.parts import Part

MAX_FILENAME_OCTETS = 200
MAX_ENDING_OCTETS = 20
MAX_CONTENT_ID_LENGTH = 255
MAX_CHARSET_LENGTH = 60

# Separators of any system; what Windows forbids; controls; marks that reverse the direction of
# writing and so make "exe.fdp" of "pdf.exe".
_SEPARATOR = re.compile(r"[/\\]")
_FORBIDDEN = re.compile('[<>:"|?*\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufffd]')

# A table of our own: `mimetypes` reads files of the machine, so that names would differ by host.
_ENDINGS = {
    "application/gzip": "gz",
    "application/json": "json",
    "application/msword": "doc",
    "application/ms-tnef": "dat",
    "application/pdf": "pdf",
    "application/pgp-signature": "asc",
    "application/pkcs7-signature": "p7s",
    "application/rtf": "rtf",
    "application/vnd.ms-excel": "xls",
    "application/vnd.ms-powerpoint": "ppt",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/xml": "xml",
    "application/zip": "zip",
    "audio/mpeg": "mp3",
    "audio/wav": "wav",
    "image/bmp": "bmp",
    "image/gif": "gif",
    "image/heic": "heic",
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/svg+xml": "svg",
    "image/tiff": "tif",
    "image/webp": "webp",
    "message/delivery-status": "txt",
    "message/rfc822": "eml",
    "text/calendar": "ics",
    "text/csv": "csv",
    "text/html": "html",
    "text/plain": "txt",
    "text/rfc822-headers": "txt",
    "text/vcard": "vcf",
    "text/xml": "xml",
    "video/mp4": "mp4",
}


@dataclass(frozen=True)
class Attachment:
    """A leaf of the message that is not its body. Its content is decoded when first asked for.

    `index` counts from 0. `disposition` is "attachment", "inline" or, if the sender said
    nothing, ""; `inline` is what it amounts to. `content_id` comes without angle brackets.
    `charset` is the sender's claim. Two attachments may have one `filename`.
    """

    index: int
    filename: str
    content_type: str
    disposition: str
    content_id: str | None
    inline: bool
    charset: str | None
    _part: Part = field(repr=False, compare=False)

    @cached_property
    def content(self) -> bytes:
        return self._part.decode()

    @property
    def size(self) -> int:
        """Of the decoded content, in bytes."""
        return len(self.content)

    @cached_property
    def sha256(self) -> str:
        """Of the decoded content, in hexadecimal digits."""
        return hashlib.sha256(self.content).hexdigest()


def make_attachment(part: Part, *, index: int) -> Attachment:
    disposition, parameters = read_disposition(part)
    content_id = decode_header(part.header.get(b"content-id", b"")).removeprefix("<")
    content_id = content_id.removesuffix(">")[:MAX_CONTENT_ID_LENGTH]
    name = make_safe(parameters.get("filename") or part.parameters.get("name") or "")
    ending = _ENDINGS.get(part.content_type, "bin")
    return Attachment(
        index=index,
        filename=name or f"attachment-{index + 1}.{ending}",
        content_type=part.content_type,
        disposition=disposition,
        content_id=content_id or None,
        inline=disposition == "inline" or (bool(content_id) and disposition != "attachment"),
        charset=part.parameters.get("charset", "").lower()[:MAX_CHARSET_LENGTH] or None,
        _part=part,
    )


def read_disposition(part: Part) -> tuple[str, dict[str, str]]:
    """The disposition, "" without the field, and its parameters. A word that is not known
    stands for an attachment (RFC 2183 §2.8).
    """
    disposition, parameters = parse_parameters(part.header.get(b"content-disposition", b""))
    return disposition if disposition in ("inline", "") else "attachment", parameters


def make_safe(name: str) -> str:
    """`name` as the name of a file in one folder, on any system; "" if nothing is left of it.

    The path that some senders add is cut off, and a long name is shortened before its ending.
    """
    name = _SEPARATOR.split(name.rstrip("/\\"))[-1]
    name = _FORBIDDEN.sub("_", name).strip(". \t")
    if not name.strip("_"):
        return ""
    stem, dot, ending = name.rpartition(".")
    if not dot or len(ending.encode()) > MAX_ENDING_OCTETS:
        return _cut(name, MAX_FILENAME_OCTETS)
    return _cut(stem, MAX_FILENAME_OCTETS - 1 - len(ending.encode())) + dot + ending


def _cut(text: str, octets: int) -> str:
    return text.encode()[:octets].decode(errors="ignore")
