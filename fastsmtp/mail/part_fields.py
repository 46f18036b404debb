"""The fields of a part that tell how to read it (RFC 2045 §3, RFC 2183), within one limit for all
parts of a message: each is searched for parameters and encoded words, a dozen times slower than
anything else in a mail.
"""

import re

from fastsmtp.mail.headers import FIELD_VALUE, Fields, index_fields
from fastsmtp.mail.notes import Notes

PART_FIELDS = (
    b"content-type",
    b"content-transfer-encoding",
    b"content-disposition",
    b"content-id",
)
MAX_OCTETS = 1024 * 1024  # of the values in a message
LEAST_OCTETS = 256  # of each value, whatever the others took

_FIELD = re.compile(rb"\n(" + b"|".join(PART_FIELDS) + rb")" + FIELD_VALUE, re.IGNORECASE)


def split_part_fields(raw: bytes, start: int, end: int) -> Fields:
    """Those of `PART_FIELDS` in a block that begins with a line (not at the first byte)."""
    return _FIELD.findall(raw, start - 1, end)


class PartFields:
    """Takes what tells how to read a part, and notes where the limit cut it."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._room = MAX_OCTETS

    def take(self, fields: Fields) -> dict[bytes, bytes]:
        """Values by lower-case name. Where the room ends, each gets a part of it."""
        header = index_fields(fields)
        taken = {name: header[name] for name in PART_FIELDS if name in header}
        octets = sum(map(len, taken.values()))
        if octets > self._room:
            most = max(self._room // len(PART_FIELDS), LEAST_OCTETS)
            if any(len(value) > most for value in taken.values()):
                self._notes.defects["part_headers_too_large"] = None
            taken = {name: value[:most] for name, value in taken.items()}
        self._room = max(0, self._room - octets)
        return taken
