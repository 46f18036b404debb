"""Taking a message apart at its boundaries (RFC 2046 §5.1), without copying it.

One pass over the lines that begin with two hyphens: they are compared with the boundaries of all
multiparts that are open, so the time does not grow with the depth, and an outer boundary ends
what is inside of it even if the inner one is missing. A part is a pair of offsets.
"""

import re
from dataclasses import dataclass
from os.path import commonprefix
from typing import NamedTuple

from fastsmtp.mail.headers import (
    MAX_BLOCK_OCTETS,
    Fields,
    bound_fields,
    find_block_end,
    find_block_start,
)
from fastsmtp.mail.notes import Notes
from fastsmtp.mail.parameters import parse_parameters
from fastsmtp.mail.part import Part, is_content_type
from fastsmtp.mail.part_fields import PartFields, split_part_fields

MAX_DEPTH = 50
MAX_PARTS = 1000
MAX_LOOKS = 300_000  # lines that look like a delimiter and are none

_EMPTY_LINE = re.compile(rb"\r?\n")


@dataclass(frozen=True, slots=True)
class SplitMessage:
    """The fields of the message, its leaves in their order, and what was wrong with it.

    `is_header_whole` tells whether no limit cut the fields, `has_all_fields` whether at least none
    of them is missing.
    """

    fields: Fields
    leaves: list[Part]
    notes: Notes
    is_header_whole: bool
    has_all_fields: bool


def split_message(raw: bytes) -> SplitMessage:
    """Never raises. What is too deep or too much for the limits stays together as one leaf."""
    run = _Splitter(raw)
    run.split()
    return SplitMessage(
        run.root_fields, run.leaves, run.notes, run.is_header_whole, run.has_all_fields
    )


class _Multipart(NamedTuple):
    number: int
    subtype: str
    start: int
    alternative: int | None


class _Delimiter(NamedTuple):
    boundary: bytes
    is_final: bool
    content_end: int
    next_start: int


class _Splitter:
    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.root_fields: Fields = []
        self.is_header_whole = self.has_all_fields = True
        self.leaves: list[Part] = []
        self.notes = Notes()
        self._open: dict[bytes, _Multipart] = {}  # by boundary, the innermost last
        self._leaf: Part | None = None  # where we are, if that is inside of a leaf
        self._part_fields = PartFields(self.notes)
        self._entered = 0
        self._looks = 0
        self._prefix = b""  # of the delimiters of all that is open

    def split(self) -> None:
        position = self._enter(find_block_start(self.raw))
        while delimiter := self._find_delimiter(position):
            if self._entered >= MAX_PARTS:
                self.notes.defects["too_many_parts"] = None
                break
            self._finish_leaf(delimiter.content_end)
            self._close_inside(delimiter)
            position = delimiter.next_start
            if delimiter.is_final:
                self._close(delimiter.content_end)
            else:
                position = self._enter(position)
        self._finish_leaf(len(self.raw))
        while self._open:
            self.notes.defects["final_boundary_missing"] = None
            self._close(len(self.raw))

    def _enter(self, start: int) -> int:
        """Reads the fields of the part that begins at `start`; returns where its body begins."""
        self._entered += 1
        end = find_block_end(self.raw, start)
        empty_line = _EMPTY_LINE.match(self.raw, end)
        body = empty_line.end() if empty_line else end
        problems = []
        if end - start >= MAX_BLOCK_OCTETS:
            problems.append("header_too_large")
        elif not empty_line and end < len(self.raw):
            self.notes.defects["header_end_missing"] = None
        if self._entered == 1:
            self.root_fields, cuts = bound_fields(self.raw, start, end)
            problems += cuts
            self.is_header_whole = not problems
            self.has_all_fields = problems in ([], ["header_too_long"])
            fields = self.root_fields
        else:
            fields = split_part_fields(self.raw, start, end)
        self.notes.defects.update(dict.fromkeys(problems))
        self._begin(self._part_fields.take(fields), body)
        return body

    def _begin(self, header: dict[bytes, bytes], start: int) -> None:
        parent = next(reversed(self._open.values()), None)
        default = "message/rfc822" if parent and parent.subtype == "digest" else "text/plain"
        content_type, parameters = parse_parameters(header.get(b"content-type", b""), self.notes)
        if not is_content_type(content_type):
            content_type = default  # RFC 2045 §5.2, RFC 2046 §5.1.5
        alternative = parent.alternative if parent else None
        if content_type.startswith("multipart/"):
            boundary = parameters.get("boundary", "").encode()
            refusal = self._refuse_boundary(boundary)
            if refusal is None:
                subtype = content_type.removeprefix("multipart/")
                around = self._entered if subtype == "alternative" else alternative
                self._open[boundary] = _Multipart(self._entered, subtype, start, around)
                self._choose_prefix()
                return
            self.notes.defects[refusal] = None
            content_type = "text/plain" if refusal == "boundary_missing" else content_type
        self._leaf = Part(
            self.raw, header, content_type, parameters, start, start, alternative, not parent,
            self.notes,
        )  # fmt: skip

    def _refuse_boundary(self, boundary: bytes) -> str | None:
        if not boundary:
            return "boundary_missing"
        if boundary in self._open:
            return "boundary_repeated"
        return "nested_too_deep" if len(self._open) >= MAX_DEPTH else None

    def _find_delimiter(self, position: int) -> _Delimiter | None:
        # The line break before a delimiter belongs to it, and may be the one of the empty line.
        line_feed = max(0, position - 1)
        while self._open and (line_feed := self.raw.find(self._prefix, line_feed)) >= 0:
            line_end = self.raw.find(b"\n", line_feed + 3)
            line_end = len(self.raw) if line_end < 0 else line_end
            line = self.raw[line_feed + 3 : line_end].rstrip(b" \t\r")
            is_final = line not in self._open
            boundary = line.removesuffix(b"--") if is_final else line
            if boundary in self._open:
                has_return = line_feed > 0 and self.raw[line_feed - 1] == 13
                return _Delimiter(boundary, is_final, line_feed - has_return, line_end + 1)
            line_feed = line_end
            self._looks += 1
            if self._looks >= MAX_LOOKS:
                self.notes.defects["too_many_delimiters"] = None
                break
        return None

    def _choose_prefix(self) -> None:
        self._prefix = b"\n--" + (commonprefix(list(self._open)) or b"")

    def _finish_leaf(self, end: int) -> None:
        if self._leaf:
            self._leaf.end = end
            self.leaves.append(self._leaf)
            self._leaf = None

    def _close_inside(self, delimiter: _Delimiter) -> None:
        while next(reversed(self._open)) != delimiter.boundary:
            self.notes.defects["final_boundary_missing"] = None
            self._close(delimiter.content_end)

    def _close(self, end: int) -> None:
        """Leaves the innermost multipart. If no part was found in it, it is text of its own."""
        _, multipart = self._open.popitem()
        self._choose_prefix()
        if multipart.number == self._entered and self.raw[multipart.start : end].strip():
            self.notes.defects["boundary_not_found"] = None
            self.leaves.append(
                Part(
                    self.raw, {}, "text/plain", {}, multipart.start, end,
                    multipart.alternative, not self._open, self.notes,
                )
            )  # fmt: skip
