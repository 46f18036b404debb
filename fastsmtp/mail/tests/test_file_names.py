import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastsmtp.mail.file_names import make_safe
from fastsmtp.mail.message import parse

FIELDS = {
    "token": (b"filename=a.pdf", "a.pdf"),
    "quoted": (b'filename="a b; c.pdf"', "a b; c.pdf"),
    "spaces without quotes": (b"filename=my file.pdf; size=3", "my file.pdf"),
    "encoded word": (b'filename="=?utf-8?q?=C3=BC.pdf?="', "ü.pdf"),
    "bare encoded word": (b"filename==?utf-8?B?w7wucGRm?=", "ü.pdf"),
    "encoded words": (b'filename="=?utf-8?q?a?=\r\n =?utf-8?q?=C3=BC.pdf?="', "aü.pdf"),
    "raw UTF-8": ('filename="ü.pdf"'.encode(), "ü.pdf"),
    "RFC 2231": (b"filename*=utf-8'en'%C3%BC%20b.pdf", "ü b.pdf"),
    "RFC 2231 wins": (b"filename=u.pdf; filename*=iso-8859-1''%FC.pdf", "ü.pdf"),
    "RFC 2231 without quotes": (b"filename*=%C3%BC.pdf", "ü.pdf"),
    "RFC 2231 unknown charset": (b"filename*=nonsense''%C3%BC.pdf", "ü.pdf"),
    "continued": (b'filename*0="long ";\r\n filename*1="name.pdf"', "long name.pdf"),
    "continued out of order": (b"filename*1=b.pdf; filename*0=a", "ab.pdf"),
    "continued twice": (b"filename*0=a.pdf; filename*0=b.pdf", "a.pdf"),
    "continued with a gap": (b"filename*0=a.pdf; filename*2=c", "a.pdf"),
    "continued and encoded": (
        b"filename*0*=utf-8''%C3; filename*1*=%BC; filename*2=%41.pdf",
        "ü%41.pdf",
    ),
    "huge number": (b"filename*99999999999999999999=a; filename=b.pdf", "b.pdf"),
    "twice": (b"filename=a.pdf; filename=b.pdf", "a.pdf"),
    "escaped": (b'filename="a\\"b.pdf"', "a_b.pdf"),
    "path": (b'filename="/etc/a.pdf"', "a.pdf"),
    "path of Windows": (b'filename="C:\\Users\\x\\a.pdf"', "a.pdf"),
    "path behind RFC 2231": (b"filename*=utf-8''..%2F..%2Fa%00.pdf", "a_.pdf"),
    "line break": (b"filename*=utf-8''a%0D%0Ab.pdf", "a__b.pdf"),
    "reversed direction": (b"filename*=utf-8''a%E2%80%AEfdp.exe", "a_fdp.exe"),
    "unclosed": (b'filename="a.pdf', "_a.pdf"),
    "dots": (b"filename=..", "attachment-1.bin"),
    "empty": (b'filename=""', "attachment-1.bin"),
}


@pytest.mark.parametrize(("parameter", "filename"), FIELDS.values(), ids=FIELDS)
def test_a_file_name_is_read_and_made_safe(parameter: bytes, filename: str) -> None:
    message = parse(
        b"Content-Disposition: attachment; " + parameter + b"\r\nContent-Type: a/b\r\n\r\n"
    )
    assert message.attachments[0].filename == filename


def test_the_name_of_the_content_type_is_the_second_choice() -> None:
    message = parse(b"Content-Type: a/b; name=c.pdf\r\nContent-Disposition: attachment\r\n\r\n")
    assert message.attachments[0].filename == "c.pdf"


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("a" * 300 + ".pdf", "a" * 196 + ".pdf"),
        ("ü" * 300 + ".pdf", "ü" * 98 + ".pdf"),
        ("a" * 300, "a" * 200),
        ("a." + "b" * 300, "a." + "b" * 198),
        (".htaccess", "htaccess"),
        ("a.pdf/", "a.pdf"),
        ("CON?", "CON_"),
        ("\x00", ""),
        (" . ", ""),
    ],
)
def test_a_name_is_made_safe(name: str, safe: str) -> None:
    assert make_safe(name) == (safe, len(name) < 300)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_name_becomes_the_name_of_a_file(name: str) -> None:
    safe, _ = make_safe(name)
    assert not set(safe) & {*"/\\\0\r\n\t", *map(chr, range(32))}
    assert not safe.startswith(".")
    assert len(safe.encode()) <= 200
    assert make_safe(safe) == (safe, True)
