"""What is wrong with a message is named, and nothing of it is lost."""

import pytest

from fastsmtp.mail.message import parse
from fastsmtp.mail.parts import MAX_DEPTH, MAX_PARTS

MIXED = b"Subject: x\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n"

BROKEN = {
    "no headers": (b"just text\r\n", "just text\n", ["header_end_missing"]),
    "empty": (b"", "", []),
    "no body": (b"Subject: x\r\n", "", []),
    "no headers but an empty line": (b"\r\ntext", "text", []),
    "no empty line": (b"Subject: x\r\nno field\r\nY: z", "no field\nY: z", ["header_end_missing"]),
    "no final boundary": (MIXED + b"--x\r\n\r\ntext\r\n", "text\n", ["final_boundary_missing"]),
    "no boundary at all": (
        MIXED + b"text\r\n",
        "text\n",
        ["final_boundary_missing", "boundary_not_found"],
    ),
    "only a final boundary": (MIXED + b"text\r\n--x--\r\n", "text", ["boundary_not_found"]),
    "no boundary named": (
        b"Content-Type: multipart/mixed\r\n\r\n--x\r\n\r\ntext",
        "--x\n\ntext",
        ["boundary_missing"],
    ),
    "part without an empty line": (MIXED + b"--x\r\nA: b\r\n--x--", "", ["header_end_missing"]),
    "boundary with a colon": (
        b'Content-Type: multipart/mixed; boundary="a:b"\r\n\r\n--a:b\r\nA: b\r\n--a:b--\r\n',
        "",
        ["header_end_missing"],
    ),
    "white space behind the boundary": (MIXED + b"--x \t\r\n\r\ntext\r\n--x--  \r\n", "text", []),
    "boundary that begins like another": (
        MIXED + b"--xy\r\n--x\r\n\r\n--x-\r\ntext\r\n--x--",
        "--x-\ntext",
        [],
    ),
    "preamble and epilogue": (MIXED + b"before\r\n--x\r\n\r\ntext\r\n--x--\r\nafter", "text", []),
    "line feeds only": (
        MIXED.replace(b"\r", b"") + b"--x\n\ntext\n\n--x--\n",
        "text\n",
        [],
    ),
    "boundary like an encoded word": (
        b'Content-Type: multipart/mixed; boundary="=?utf-8?q?b?="\r\n\r\n'
        b"--=?utf-8?q?b?=\r\n\r\ntext\r\n--=?utf-8?q?b?=--",
        "text",
        [],
    ),
    "line of a mailbox file": (
        b"From ada@example.org Mon Jan  6 10:00:00 2025\r\nContent-Type: text/html\r\n\r\n<p>text",
        "text",
        [],
    ),
    "boundary repeated inside": (
        MIXED + b"--x\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\ntext\r\n--x--",
        "text",
        ["boundary_repeated"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("raw", "text", "defects"), BROKEN.values(), ids=BROKEN)
def test_a_broken_message_is_read(raw: bytes, text: str, defects: list[str]) -> None:
    message = parse(raw)
    assert message.body_text == text
    assert list(message.defects) == defects


def test_an_outer_boundary_ends_what_is_inside() -> None:
    message = parse(
        MIXED + b"--x\r\nContent-Type: multipart/alternative; boundary=y\r\n\r\n--y\r\n\r\ntext\r\n"
        b"--x\r\nContent-Type: a/b\r\n\r\ncontent\r\n--y\r\n--x--\r\n"
    )
    assert message.body_text == "text"
    assert [attachment.content for attachment in message.attachments] == [b"content\r\n--y"]
    assert message.defects == ("final_boundary_missing",)


def test_headers_beyond_the_limit_are_still_there() -> None:
    filler = b"X: " + b"x" * 1000 + b"\r\n"
    message = parse(b"Subject: x\r\n" + filler * 300 + b"Last: y\r\n\r\ntext")
    assert message.subject == "x"
    assert message.body_text.endswith("Last: y\n\ntext")
    assert (message.defects, message.truncated) == (("header_too_large",), ("headers",))


def nest(depth: int) -> bytes:
    head = b"".join(
        b"Content-Type: multipart/mixed; boundary=x%d\r\n\r\n--x%d\r\n" % (i, i)
        for i in range(depth)
    )
    tail = b"".join(b"\r\n--x%d--\r\n" % i for i in reversed(range(depth)))
    return head + b"\r\ntext" + tail


def test_multiparts_are_read_to_the_limit_of_depth() -> None:
    message = parse(nest(MAX_DEPTH))
    assert (message.body_text, message.defects) == ("text", ())


def test_what_is_nested_deeper_stays_together() -> None:
    message = parse(nest(MAX_DEPTH + 1))
    (attachment,) = message.attachments
    assert attachment.content_type == "multipart/mixed"
    assert b"\r\n\r\ntext\r\n" in attachment.content
    assert message.defects == ("nested_too_deep",)


def test_parts_beyond_the_limit_stay_together() -> None:
    message = parse(MIXED + b"--x\r\nA: b\r\n\r\ntext\r\n" * (MAX_PARTS + 10))
    assert len(message.attachments) == MAX_PARTS - 2
    assert message.attachments[-1].content.count(b"text") == 12
    assert "too_many_parts" in message.defects
