"""Attachments: the leaves of a message that are not its body, and what `winmail.dat` holds."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from fastsmtp.mail.file_names import choose_name, guess_type, make_safe
from fastsmtp.mail.notes import Notes
from fastsmtp.mail.parameters import parse_parameters
from fastsmtp.mail.part import Part, is_content_type
from fastsmtp.mail.parts import MAX_PARTS
from fastsmtp.mail.tnef import PackedFile, TNEFError, unpack
from fastsmtp.mail.words import decode_header

MAX_CONTENT_ID_LENGTH = 255
MAX_CHARSET_LENGTH = 60

_TNEF_TYPES = ("application/ms-tnef", "application/vnd.ms-tnef")


@dataclass(frozen=True)
class Attachment:
    """Its content is decoded when first asked for.

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
    _decode: Callable[[], bytes] = field(repr=False, compare=False)

    @cached_property
    def content(self) -> bytes:
        return self._decode()

    @property
    def size(self) -> int:
        """Of the decoded content, in bytes."""
        return len(self.content)

    @cached_property
    def sha256(self) -> str:
        """Of the decoded content, in hexadecimal digits."""
        return hashlib.sha256(self.content).hexdigest()


def attach(parts: list[Part], notes: Notes) -> tuple[Attachment, ...]:
    """The files in a `winmail.dat` stand behind it, as long as all together are no more than a
    message may have parts: an empty one takes 11 bytes there.
    """
    attachments: list[Attachment] = []
    room = MAX_PARTS - len(parts)
    for part in parts:
        attachment = _make_attachment(part, index=len(attachments))
        attachments.append(attachment)
        if part.content_type in _TNEF_TYPES or attachment.filename.lower() == "winmail.dat":
            files = _open(attachment, notes, room=room)
            room -= len(files)
            attachments += [
                _make_unpacked(file, notes, index=index)
                for index, file in enumerate(files, len(attachments))
            ]
    return tuple(attachments)


def read_disposition(part: Part) -> tuple[str, dict[str, str]]:
    """The disposition, "" without the field, and its parameters. A word that is not known
    stands for an attachment (RFC 2183 §2.8).
    """
    value = part.header.get(b"content-disposition")
    if value is None:
        return "", {}
    disposition, parameters = parse_parameters(value, part.notes)
    return disposition if disposition in ("inline", "") else "attachment", parameters


def _open(container: Attachment, notes: Notes, *, room: int) -> list[PackedFile]:
    """The files in a `winmail.dat`; without room for any it stays closed."""
    try:
        files = unpack(container.content) if room else None
    except TNEFError:
        notes.defects["winmail_unreadable"] = None
        return []
    if files is None or len(files) > room:
        notes.defects["too_many_parts"] = None
    return (files or [])[:room]


def _make_attachment(part: Part, *, index: int) -> Attachment:
    disposition, parameters = read_disposition(part)
    content_id = decode_header(part.header.get(b"content-id", b"")).removeprefix("<")
    content_id = _cut(content_id.removesuffix(">"), MAX_CONTENT_ID_LENGTH, part.notes)
    name = _make_name(parameters.get("filename") or part.parameters.get("name") or "", part.notes)
    charset = _cut(part.parameters.get("charset", "").lower(), MAX_CHARSET_LENGTH, part.notes)
    return Attachment(
        index=index,
        filename=name or choose_name(index + 1, part.content_type),
        content_type=part.content_type,
        disposition=disposition,
        content_id=content_id or None,
        inline=disposition == "inline" or (bool(content_id) and disposition != "attachment"),
        charset=charset or None,
        _decode=part.decode,
    )


def _make_unpacked(file: PackedFile, notes: Notes, *, index: int) -> Attachment:
    """A file out of `winmail.dat`. One without a media type gets that of its ending."""
    name = _make_name(file.name, notes)
    content_type = file.content_type if is_content_type(file.content_type) else guess_type(name)
    return Attachment(
        index=index,
        filename=name or choose_name(index + 1, content_type),
        content_type=content_type,
        disposition="",
        content_id=_cut(file.content_id, MAX_CONTENT_ID_LENGTH, notes) or None,
        inline=bool(file.content_id),
        charset=None,
        _decode=lambda: bytes(file.content),
    )


def _make_name(name: str, notes: Notes) -> str:
    safe, is_whole = make_safe(name)
    if not is_whole:
        notes.truncated["attachments"] = None
    return safe


def _cut(text: str, most: int, notes: Notes) -> str:
    if len(text) > most:
        notes.truncated["attachments"] = None
    return text[:most]
