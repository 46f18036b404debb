"""A label that is wrong or unknown is told, and what can be read is read."""

import pytest

from fastsmtp.mail import bodies
from fastsmtp.mail.message import parse

CHARSETS = {
    "right": (b"utf-8", "Grüße".encode(), "Grüße", None),
    "none": (b"", b"Gr\xfc\xdfe", "Grüße", None),
    "ASCII": (b"us-ascii", b"abc", "abc", None),
    "comment": (b"koi8-r (Cyrillic)", b"\xf0", "П", None),
    "ASCII that is none": (b"us-ascii", b"Gr\xfc\xdfe", "Grüße", "charset_wrong"),
    "UTF-8 that is Latin-1": (b"utf-8", b"Gr\xfc\xdfe", "Gr\ufffd\ufffde", "charset_wrong"),
    "UTF-16 that is ASCII": (b"utf-16", b"Hello\r\n", "Hello\n", "charset_wrong"),
    "UTF-32 that is UTF-8": (b"utf-32", "Grüße".encode(), None, "charset_wrong"),
    "UTF-16": (b"utf-16", "Grüße".encode("utf-16"), "Grüße", None),
    "UTF-16 of Chinese": (b"utf-16-le", "丠丠\n".encode("utf-16-le"), "丠丠\n", None),
    "half a character": (b"utf-8", b"a\xc3", "a\ufffd", "charset_wrong"),
    "a character that says it is none": (b"utf-8", "a\ufffd".encode(), "a\ufffd", None),
    "unknown": (b"klingon", "Grüße".encode(), "Grüße", "charset_unknown"),
    "no name at all": (b"\0", b"a", "a", "charset_unknown"),
}


@pytest.mark.parametrize(("charset", "data", "text", "defect"), CHARSETS.values(), ids=CHARSETS)
def test_a_charset(charset: bytes, data: bytes, text: str | None, defect: str | None) -> None:
    message = parse(b'Content-Type: text/plain; charset="' + charset + b'"\r\n\r\n' + data)
    assert text in (message.body_text, None)
    assert list(message.defects) == ([defect] if defect else [])


@pytest.mark.parametrize(("data", "defects"), [(b"", ()), (b"\xff", ("charset_wrong",))])
def test_a_body_that_is_cut_in_a_character_has_no_wrong_charset(
    data: bytes, defects: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "MAX_OCTETS", 4)
    message = parse(b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + data + "aaaüü".encode())
    assert message.body_text.endswith("aaa")
    assert (message.defects, message.truncated) == (defects, ("body_text",))


ENCODINGS = {
    "none": (b"", b"=C3", None),
    "7bit": (b"7BIT", b"=C3", None),
    "8bit": (b"8bit", b"=C3", None),
    "binary": (b"binary", b"=C3", None),
    "comment": (b"(a) quoted-printable (b;c)", b"\xc3", None),
    "semicolon": (b"quoted-printable;", b"\xc3", None),
    "parameter": (b"quoted-printable; x=y", b"\xc3", None),
    "comment that does not end": (b"quoted-printable (", b"\xc3", None),
    "unknown": (b"x-uuencode", b"=C3", "encoding_unknown"),
}


@pytest.mark.parametrize(("encoding", "content", "defect"), ENCODINGS.values(), ids=ENCODINGS)
def test_a_transfer_encoding(encoding: bytes, content: bytes, defect: str | None) -> None:
    field = b"Content-Transfer-Encoding: " + encoding + b"\r\n" if encoding else b""
    message = parse(b"Content-Type: a/b\r\n" + field + b"\r\n=C3")
    message.decode()
    assert message.attachments[0].content == content
    assert list(message.defects) == ([defect] if defect else [])


TYPES = [
    b"multipart/mixed (c); boundary=x",
    b"(a (nested) comment) multipart/mixed; boundary=x",
    b"multipart/mixed (with ; in it); boundary=x",
    b"multipart/mixed (does not end; boundary=x",
    b"multipart/mixed (with \\) in it); boundary=x",
]


@pytest.mark.parametrize("content_type", TYPES)
def test_comments_in_a_content_type_hide_no_parts(content_type: bytes) -> None:
    message = parse(
        b"Content-Type: " + content_type + b"\r\n\r\n--x\r\n\r\ntext\r\n--x\r\n"
        b"Content-Type: application/pdf (a file)\r\n"
        b"Content-Disposition: attachment (c); filename=a (1).pdf\r\n\r\n%PDF\r\n--x--"
    )
    assert message.body_text == "text"
    assert [(a.content_type, a.filename, a.disposition) for a in message.attachments] == [
        ("application/pdf", "a (1).pdf", "attachment")
    ]
    assert message.defects == ()
