"""A leaf of the MIME tree."""

import re
from dataclasses import dataclass

from fastsmtp.mail.notes import Notes
from fastsmtp.mail.parameters import read_main
from fastsmtp.mail.transfer import decode_transfer

_CONTENT_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,127}/[a-z0-9!#$&^_.+-]{1,127}")


@dataclass(slots=True)
class Part:
    """What the fields of a leaf say of it, and where in `raw` its still encoded
    body is (nowhere, if `end` is not behind `start`).

    `alternative` numbers the innermost multipart/alternative around it, `notes` are those of the
    message.
    """

    raw: bytes
    header: dict[bytes, bytes]
    content_type: str
    parameters: dict[str, str]
    start: int
    end: int
    alternative: int | None
    is_root: bool
    notes: Notes

    def decode(self) -> bytes:
        """The body without its transfer encoding."""
        value = self.header.get(b"content-transfer-encoding")
        encoding = read_main(value) if value else ""
        data = memoryview(self.raw)[self.start : self.end]
        decoded, defect = decode_transfer(data, encoding)
        if defect:
            self.notes.defects[defect] = None
        return decoded


def is_content_type(text: str) -> bool:
    """Whether it has the form of a media type, in lower case and without parameters."""
    return _CONTENT_TYPE.fullmatch(text) is not None
