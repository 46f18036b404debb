"""Writes TNEF, so that the tests need no file of somebody else's."""

import struct

RENDERING, TITLE, DATA, PROPERTIES, CODEPAGE = 0x9002, 0x8010, 0x800F, 0x9005, 0x9007


def pack(*attributes: bytes) -> bytes:
    return struct.pack("<IH", 0x223E9F78, 1) + b"".join(attributes)


def attribute(name: int, data: bytes, *, level: int = 2) -> bytes:
    header = struct.pack("<BHHI", level, name, 6, len(data))
    return header + data + struct.pack("<H", sum(data) % 65536)


def properties(*values: bytes) -> bytes:
    return attribute(PROPERTIES, struct.pack("<I", len(values)) + b"".join(values))


def text(number: int, value: str) -> bytes:
    return _variable(0x1F, number, value.encode("utf-16-le") + b"\0\0")


def binary(number: int, value: bytes) -> bytes:
    return _variable(0x102, number, value)


def _variable(kind: int, number: int, value: bytes) -> bytes:
    padding = bytes(-len(value) % 4)
    return struct.pack("<HHII", kind, number, 1, len(value)) + value + padding


def file(name: str, content: bytes, *more: bytes) -> bytes:
    """As Outlook packs one: a short name outside, the long one among the properties."""
    return (
        attribute(RENDERING, bytes(14))
        + attribute(TITLE, name[:8].encode("cp1252", "replace") + b"\0")
        + attribute(DATA, content)
        + properties(struct.pack("<HHI", 3, 0x3705, 1), text(0x3707, name), *more)
    )
