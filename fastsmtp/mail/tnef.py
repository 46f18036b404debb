"""Opening `winmail.dat`, the envelope that Outlook packs files into (MS-OXTNEF).

A stream of attributes: level, id, length, data, checksum. A file begins with its rendering data;
its name and content are attributes of their own or properties (MS-OXCMSG §2.2.2) of one. A reader
of our own, because those there are count up to numbers that the sender names, and cut zeros off
the content.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from fastsmtp.mail.decoding import decode_text

MAX_FILES = 100
MAX_ATTRIBUTES = 1000
MAX_VALUES = 200  # of the properties in one attribute
MAX_TEXT_OCTETS = 4096  # of a name or a type, before it is decoded

_SIGNATURE = 0x223E9F78
_HEADER_SIZE = 6  # of the stream: signature and key
_CODEPAGE, _BEGIN_FILE, _TITLE, _DATA, _PROPERTIES = 0x9007, 0x9002, 0x8010, 0x800F, 0x9005
_LEVEL_FILE = 2

# Properties of a file.
_CONTENT, _SHORT_NAME, _LONG_NAME, _MIME_TYPE, _CONTENT_ID = 0x3701, 0x3704, 0x3707, 0x370E, 0x3712
_TEXT, _UNICODE, _OBJECT, _BINARY = 0x001E, 0x001F, 0x000D, 0x0102
_SIZES = {0x0002: 4, 0x0003: 4, 0x0004: 4, 0x000A: 4, 0x000B: 4, 0x0005: 8, 0x0006: 8, 0x0007: 8,
          0x0014: 8, 0x0040: 8, 0x0048: 16}  # fmt: skip
_MANY_VALUES, _NAMED = 0x1000, 0x8000
_EMBEDDED_CLASS_SIZE = 16  # an object's content begins with its interface
_CODEPAGES = {20127: "ascii", 20866: "koi8-r", 28591: "iso-8859-1", 65001: "utf-8"}


class TNEFError(Exception):
    """The bytes are no TNEF, end too early, or have more in them than the limits allow."""


@dataclass(slots=True)
class PackedFile:
    """A file as it was packed. What was not said is ''."""

    name: str = ""
    content_type: str = ""
    content_id: str = ""
    content: memoryview = memoryview(b"")


def unpack(data: bytes) -> list[PackedFile]:
    """The files in `data`, whose contents are views of it. Linear in time. Raises TNEFError."""
    if len(data) < _HEADER_SIZE or struct.unpack_from("<I", data)[0] != _SIGNATURE:
        raise TNEFError("no TNEF signature")
    files: list[PackedFile] = []
    codepage = "cp1252"
    try:
        for level, name, value in _split(memoryview(data)):
            if name == _CODEPAGE:
                (number,) = struct.unpack_from("<I", value)
                codepage = _CODEPAGES.get(number, f"cp{number}")
            elif name == _BEGIN_FILE:
                files.append(PackedFile())
                if len(files) > MAX_FILES:
                    raise TNEFError("too many files")
            elif level == _LEVEL_FILE and files:
                _read_attribute(files[-1], name, value, codepage)
    except struct.error:
        raise TNEFError("the data end too early") from None
    return files


def _split(data: memoryview) -> Iterator[tuple[int, int, memoryview]]:
    """Level, id and data of each attribute; the checksums are not looked at."""
    position = _HEADER_SIZE
    for _ in range(MAX_ATTRIBUTES):
        if position >= len(data):
            return
        level, name, _kind, length = struct.unpack_from("<BHHI", data, position)
        position += 9
        if position + length > len(data):
            raise TNEFError("the data end too early")
        yield level, name, data[position : position + length]
        position += length + 2
    raise TNEFError("too many attributes")


def _read_attribute(file: PackedFile, name: int, value: memoryview, codepage: str) -> None:
    if name == _TITLE:
        file.name = file.name or _decode(value, codepage)
    elif name == _DATA:
        file.content = value
    elif name == _PROPERTIES:
        for kind, number, content in _split_properties(value):
            _read_property(file, kind, number, content, codepage)


def _read_property(
    file: PackedFile, kind: int, number: int, content: memoryview, codepage: str
) -> None:
    if number == _CONTENT and kind in (_OBJECT, _BINARY):
        file.content = content[_EMBEDDED_CLASS_SIZE:] if kind == _OBJECT else content
    elif kind in (_TEXT, _UNICODE):
        text = _decode(content, "utf-16-le" if kind == _UNICODE else codepage)
        if number == _LONG_NAME or (number == _SHORT_NAME and not file.name):
            file.name = text or file.name
        elif number == _MIME_TYPE:
            file.content_type = text.lower()
        elif number == _CONTENT_ID:
            file.content_id = text


def _split_properties(data: memoryview) -> Iterator[tuple[int, int, memoryview]]:
    """Type, number and value (the first of many) of each property."""
    (count,) = struct.unpack_from("<I", data)
    position, total = 4, 0
    for _ in range(count):
        kind, number = struct.unpack_from("<HH", data, position)
        position += 4
        if number >= _NAMED:
            position = _skip_name(data, position)
        base = kind & ~_MANY_VALUES
        values = 1
        if base not in _SIZES or base != kind:
            (values,) = struct.unpack_from("<I", data, position)
            position += 4
        total += max(1, values)
        if total > MAX_VALUES:
            raise TNEFError("too many values")
        first = data[:0]
        for index in range(values):
            value, position = _take_value(data, position, _SIZES.get(base))
            first = first if index else value
        yield base, number, first


def _skip_name(data: memoryview, position: int) -> int:
    """A property that has a name instead of a number: its set, then a number or text."""
    (kind,) = struct.unpack_from("<I", data, position + 16)
    if kind == 0:
        return position + 24
    (length,) = struct.unpack_from("<I", data, position + 20)
    return position + 24 + _pad(length)


def _take_value(data: memoryview, position: int, size: int | None) -> tuple[memoryview, int]:
    if size is None:
        (size,) = struct.unpack_from("<I", data, position)
        position += 4
    if position + size > len(data):
        raise TNEFError("the data end too early")
    return data[position : position + size], position + _pad(size)


def _pad(size: int) -> int:
    return size + -size % 4


def _decode(value: memoryview, charset: str) -> str:
    text = decode_text(bytes(value[:MAX_TEXT_OCTETS]), charset)
    return text.partition("\0")[0].partition("\ufffd")[0].strip()
