"""What of an attachment is cut is told."""

import pytest

from fastsmtp.mail.message import parse
from fastsmtp.mail.parameters import MAX_PARAMETERS
from fastsmtp.mail.tests import winmail

FIELDS = {
    "nothing": (b"Content-Disposition: attachment; filename=" + b"a" * 200, ()),
    "path": (b"Content-Disposition: attachment; filename=" + b"a" * 300 + b"/b", ()),
    "name": (b"Content-Disposition: attachment; filename=" + b"a" * 201, ("attachments",)),
    "name of words": (
        b'Content-Type: a/b; name="' + b"=?utf-8?q?=C3=BC?= " * 101 + b'"',
        ("attachments",),
    ),
    "content id": (b"Content-ID: <" + b"a" * 255 + b">", ()),
    "longer content id": (b"Content-ID: <" + b"a" * 256 + b">", ("attachments",)),
    "charset": (b"Content-Type: a/b; charset=" + b"a" * 60, ()),
    "longer charset": (b"Content-Type: a/b; charset=" + b"a" * 61, ("attachments",)),
}


@pytest.mark.parametrize(("field", "truncated"), FIELDS.values(), ids=FIELDS)
def test_what_a_part_says_of_itself(field: bytes, truncated: tuple[str, ...]) -> None:
    content_type = b"" if field.startswith(b"Content-Type") else b"Content-Type: a/b\r\n"
    message = parse(content_type + field + b"\r\n\r\n")
    assert len(message.attachments) == 1
    assert message.truncated == truncated
    assert message.defects == ()


@pytest.mark.parametrize(
    ("name", "content_id", "truncated"),
    [("a", "a" * 255, ()), ("a", "a" * 256, ("attachments",)), ("a" * 201, "", ("attachments",))],
)
def test_what_winmail_says_of_a_file(
    name: str, content_id: str, truncated: tuple[str, ...]
) -> None:
    data = winmail.pack(winmail.file(name, b"", winmail.text(0x3712, content_id)))
    message = parse(b"Content-Type: application/ms-tnef\r\n\r\n" + data)
    assert len(message.attachments) == 2
    assert message.truncated == truncated


def test_a_long_parameter_is_read_to_its_end() -> None:
    name = b"a/" * 2000 + b"b.pdf"
    message = parse(b"Content-Type: a/b; name=" + name + b"\r\n\r\n")
    assert message.attachments[0].filename == "b.pdf"
    assert (message.defects, message.truncated) == ((), ())


INCOMPLETE = {
    "segments": (b"; name*0=a.; name*1=pdf", "a.pdf", False),
    "a segment is missing": (b"; name*0=a.pdf; name*2=b", "a.pdf", True),
    "the first is missing": (b"; name*1=a.pdf", "attachment-1.bin", True),
    "as many as allowed": (b"; x=y" * (MAX_PARAMETERS - 1) + b"; name=a.pdf", "a.pdf", False),
    "too many": (b"; x=y" * MAX_PARAMETERS + b"; name=a.pdf", "attachment-1.bin", True),
}


@pytest.mark.parametrize(("parameters", "name", "is_told"), INCOMPLETE.values(), ids=INCOMPLETE)
def test_parameters_that_are_not_all_there(parameters: bytes, name: str, is_told: bool) -> None:
    message = parse(b"Content-Type: a/b" + parameters + b"\r\n\r\n")
    assert message.attachments[0].filename == name
    assert message.defects == (("parameters_incomplete",) if is_told else ())
