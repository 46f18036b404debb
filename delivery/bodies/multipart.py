"""A form with files (RFC 7578), as browsers send one. n8n makes binaries of the files."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

_ESCAPES = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})  # WHATWG HTML §4.10.21.8


@dataclass(frozen=True, slots=True)
class Text:
    """A field. Without a Content-Type of its own, receivers take it for text."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class File:
    name: str
    filename: str
    content_type: str
    content: bytes


def encode(fields: Sequence[Text | File]) -> tuple[str, bytes]:
    """The Content-Type with its boundary, and the body."""
    # 128 random bits occur in no content that somebody wrote before.
    boundary = f"fastsmtp-{secrets.token_hex(16)}"
    pieces: list[bytes] = []
    for field in fields:
        pieces.append(f"--{boundary}\r\n{_head(field)}\r\n".encode())
        pieces.append(field.value.encode() if isinstance(field, Text) else field.content)
        pieces.append(b"\r\n")
    pieces.append(f"--{boundary}--\r\n".encode())
    return f"multipart/form-data; boundary={boundary}", b"".join(pieces)


def _head(field: Text | File) -> str:
    disposition = f'Content-Disposition: form-data; name="{field.name.translate(_ESCAPES)}"'
    if isinstance(field, Text):
        return f"{disposition}\r\n"
    filename = field.filename.translate(_ESCAPES)
    return f'{disposition}; filename="{filename}"\r\nContent-Type: {field.content_type}\r\n'
