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


ALIASES = [
    ("windows-874", "cp874", "ไทย"),
    ("iso-8859-8-i", "iso8859_8", "שלום"),
    ("ISO-8859-8-E", "iso8859_8", "שלום"),
    ("windows-31j", "cp932", "①日本"),
    ("csWindows31J", "cp932", "①日本"),
    ("cp-1252", "cp1252", "Grüße"),
    ("cp-1251", "cp1251", "Привет"),
    ("iso88591", "cp1252", "Grüße"),
    ("iso88592", "iso8859_2", "Żółw"),
    ("windows-949", "cp949", "한국"),
    ("windows-936", "gb18030", "中国"),
    ("gb_2312-80", "gb18030", "中国"),
    ("x-gbk", "gb18030", "中国"),
    ("x-mac-ce", "mac_latin2", "Żółw"),
    ("x-mac-cyrillic", "mac_cyrillic", "Привет"),
    ("unicode-1-1-utf-8", "utf-8", "Grüße"),
    ("utf8mb4", "utf-8", "Grüße"),
    ("cp50220", "iso2022_jp", "日本"),
    ("cp50221", "iso2022_jp", "日本"),
]


@pytest.mark.parametrize(("charset", "codec", "text"), ALIASES)
def test_a_charset_has_many_names(charset: str, codec: str, text: str) -> None:
    head = f"Content-Type: text/plain; charset={charset}\r\n\r\n".encode()
    message = parse(head + text.encode(codec))
    assert message.body_text == text
    assert message.defects == ()


DECLARED = {
    "meta": (b"<meta charset=koi8-r>", "koi8-r", "Привет"),
    "meta of HTML 4": (
        b'<META http-equiv="Content-Type" content="text/html; charset=KOI8-R">', "koi8-r", "Привет"
    ),
    "ISO-2022-JP": (b"<meta charset='iso-2022-jp'>", "iso2022_jp", "日本"),
    "UTF-8 whatever it says": (b"<meta charset=koi8-r>", "utf-8", "Grüße"),
    "none": (b"<meta name=charset>", "cp1252", "Grüße"),
    "too late": (b" " * 1024 + b"<meta charset=koi8-r>", "cp1252", "Grüße"),
}  # fmt: skip


@pytest.mark.parametrize(("head", "codec", "text"), DECLARED.values(), ids=DECLARED)
def test_html_may_name_its_charset(head: bytes, codec: str, text: str) -> None:
    html = b"<html><head>" + head + b"</head><body>" + text.encode(codec)
    message = parse(b"Content-Type: text/html\r\n\r\n" + html)
    assert message.body_text == text
    assert message.defects == ()


JAPANESE = {
    "JIS": (b"\x1b$B$3$s\x1b(B a", "こん a", ()),
    "letters of Windows": (b"\x1b$B-!-j\x1b(B a\x1b(I1\x1b(B", "①㈱ aｱ", ()),
    "older": (b"\x1b$@-!\x1b(J", "①", ()),
    "half a character": (b"\x1b$B-!-\x1b(B", "①", ()),
    "a line break": (b"\x1b$B-!\r\na", "①\na", ()),
    "no letters": (b"\x1b$B~~\x1b(Ba", "\ufffd\ufffda", ("charset_wrong",)),
    "bytes above 127": (b"\x1b$B\xff\xff\x1b(Ba", "\ufffd\ufffda", ("charset_wrong",)),
}


@pytest.mark.parametrize(("data", "text", "defects"), JAPANESE.values(), ids=JAPANESE)
def test_japanese_as_windows_writes_it(data: bytes, text: str, defects: tuple[str, ...]) -> None:
    message = parse(b"Content-Type: text/plain; charset=iso-2022-jp\r\n\r\n" + data)
    assert message.body_text == text
    assert message.defects == defects


def test_the_header_counts_before_html() -> None:
    message = parse(
        b"Content-Type: text/html; charset=cp1252\r\n\r\n<meta charset=koi8-r>Gr\xfc\xdfe"
    )
    assert message.body_text == "Grüße"


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
