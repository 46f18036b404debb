"""What Outlook packed is what comes out, and nothing else makes the reader stumble."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastsmtp.mail.tests import winmail
from fastsmtp.mail.tnef import MAX_ATTRIBUTES, MAX_FILES, TNEFError, unpack


def test_files_come_out_as_they_went_in() -> None:
    contents = [b"%PDF-1.4 \0\0\0", bytes(range(256)), b""]
    data = winmail.pack(
        winmail.attribute(winmail.CODEPAGE, struct.pack("<II", 1252, 0), level=1),
        winmail.file("Angebot für Ödön.pdf", contents[0], winmail.text(0x370E, "Application/PDF")),
        winmail.file("logo.png", contents[1], winmail.text(0x3712, "logo@example.org")),
        winmail.file("日本.txt", contents[2]),
    )
    assert [(f.name, f.content_type, f.content_id, bytes(f.content)) for f in unpack(data)] == [
        ("Angebot für Ödön.pdf", "application/pdf", "", contents[0]),
        ("logo.png", "", "logo@example.org", contents[1]),
        ("日本.txt", "", "", contents[2]),
    ]


def test_a_name_in_the_codepage_of_the_sender() -> None:
    begin = winmail.attribute(winmail.RENDERING, bytes(14))
    title = winmail.attribute(winmail.TITLE, "счёт.doc".encode("cp1251") + b"\0")
    page = winmail.attribute(winmail.CODEPAGE, struct.pack("<II", 1251, 0), level=1)
    (file,) = unpack(winmail.pack(page, begin, title))
    assert file.name == "счёт.doc"


def test_an_embedded_message_comes_without_its_class() -> None:
    content = bytes(16) + b"inner"
    value = struct.pack("<HHII", 0x0D, 0x3701, 1, len(content)) + content + bytes(3)
    begin = winmail.attribute(winmail.RENDERING, bytes(14))
    (file,) = unpack(winmail.pack(begin, winmail.properties(value)))
    assert bytes(file.content) == b"inner"


def test_named_and_multiple_properties_are_passed_over() -> None:
    named = struct.pack("<HH16sII", 3, 0x8001, bytes(16), 0, 7) + bytes(4)
    word = "Größe".encode("utf-16-le")
    texted = struct.pack("<HH16sII", 3, 0x8002, bytes(16), 1, len(word)) + word + bytes(2 + 4)
    many = struct.pack("<HHIII", 0x1003, 0x6000, 2, 1, 2)
    (file,) = unpack(winmail.pack(winmail.file("a.txt", b"a", named, texted, many,
                                               winmail.text(0x370E, "text/plain"))))  # fmt: skip
    assert (file.name, file.content_type) == ("a.txt", "text/plain")


BAD = {
    "empty": b"",
    "no TNEF": b"x" * 100,
    "cut in an attribute": winmail.pack(winmail.file("a.txt", b"abc"))[:45],
    "length beyond the end": winmail.pack(struct.pack("<BHHI", 2, 0x800F, 6, 0xFFFFFFFF)),
    "too many files": winmail.pack(*[winmail.attribute(0x9002, b"")] * (MAX_FILES + 1)),
    "too many attributes": winmail.pack(*[winmail.attribute(1, b"")] * (MAX_ATTRIBUTES + 1)),
    "four billion properties": winmail.pack(
        winmail.attribute(0x9002, b""), winmail.attribute(0x9005, b"\xff\xff\xff\xff" + bytes(99))
    ),
    "four billion values": winmail.pack(
        winmail.attribute(0x9002, b""),
        winmail.properties(struct.pack("<HHI", 0x1F, 0x3707, 0xFFFFFFFF)),
    ),
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD)
def test_what_cannot_be_read_is_refused(data: bytes) -> None:
    with pytest.raises(TNEFError):
        unpack(data)


WHOLE = winmail.pack(winmail.file("a.txt", b"abc", winmail.binary(0x3701, b"x")))


DAMAGE = st.tuples(st.integers(6, len(WHOLE)), st.binary(max_size=8)).map(
    lambda change: WHOLE[: change[0]] + change[1] + WHOLE[change[0] + len(change[1]) :]
)


@given(st.binary().map(lambda data: winmail.pack() + data) | DAMAGE)
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        files = unpack(data)
    except TNEFError:
        return
    assert sum(len(file.content) for file in files) <= len(data)
    "".join(file.name + file.content_type + file.content_id for file in files).encode()
