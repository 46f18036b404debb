"""The name of an attachment, which is chosen by the sender and used by others as a path."""

import re

MAX_FILENAME_OCTETS = 200
MAX_ENDING_OCTETS = 20

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
_TYPES = {ending: content_type for content_type, ending in _ENDINGS.items()} | {
    "txt": "text/plain",
    "xml": "application/xml",
}


def choose_name(number: int, content_type: str) -> str:
    """For a file that came without one."""
    return f"attachment-{number}.{_ENDINGS.get(content_type, 'bin')}"


def guess_type(name: str) -> str:
    """The media type by the ending of `name`."""
    return _TYPES.get(name.rpartition(".")[2].lower(), "application/octet-stream")


def make_safe(name: str) -> tuple[str, bool]:
    """`name` as the name of a file in one folder, on any system, "" if nothing is left of it; and
    whether no limit cut it.

    The path that some senders add is cut off, and a long name is shortened before its ending.
    """
    name = _SEPARATOR.split(name.rstrip("/\\"))[-1]
    name = _FORBIDDEN.sub("_", name).strip(". \t")
    if not name.strip("_"):
        return "", True
    shortened = _shorten(name)
    return shortened, shortened == name


def _shorten(name: str) -> str:
    stem, dot, ending = name.rpartition(".")
    if not dot or len(ending.encode()) > MAX_ENDING_OCTETS:
        return _cut(name, MAX_FILENAME_OCTETS)
    return _cut(stem, MAX_FILENAME_OCTETS - 1 - len(ending.encode())) + dot + ending


def _cut(text: str, octets: int) -> str:
    return text.encode()[:octets].decode(errors="ignore")
