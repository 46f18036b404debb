import hashlib

import pytest

from fastsmtp.mail.attachment import Attachment
from fastsmtp.mail.message import parse

FORWARDED = (
    b"From: a@example.org\r\nSubject: inner\r\nContent-Type: multipart/mixed; boundary=in\r\n\r\n"
    b"--in\r\n\r\ninner text \r\n--in--\r\n"
)


def attach(*headers: bytes, content: bytes = b"content") -> Attachment:
    part = b"".join(header + b"\r\n" for header in headers) + b"\r\n" + content
    message = parse(
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n"
        b"--x\r\n\r\nbody\r\n--x\r\n%b\r\n--x--\r\n" % part
    )
    assert message.body_text == "body"
    (attachment,) = message.attachments
    return attachment


def test_an_attachment_has_everything_that_the_payload_shows() -> None:
    attachment = attach(
        b'Content-Type: Application/PDF; name="ignored.pdf"',
        b'Content-Disposition: ATTACHMENT; filename="invoice.pdf"',
        b"Content-Transfer-Encoding: base64",
        content=b"JVBE\r\nRi0=",
    )
    assert (attachment.index, attachment.filename) == (0, "invoice.pdf")
    assert (attachment.content_type, attachment.disposition) == ("application/pdf", "attachment")
    assert (attachment.inline, attachment.content_id, attachment.charset) == (False, None, None)
    assert (attachment.content, attachment.size) == (b"%PDF-", 5)
    assert attachment.sha256 == hashlib.sha256(b"%PDF-").hexdigest()


def test_an_inline_image_has_its_content_id() -> None:
    attachment = attach(
        b"Content-Type: image/png",
        b"Content-Disposition: inline",
        b"Content-ID: <logo@example.org>",
    )
    assert (attachment.inline, attachment.content_id) == (True, "logo@example.org")


@pytest.mark.parametrize(
    ("headers", "disposition", "inline"),
    [
        ([b"Content-Type: image/png"], "", False),
        ([b"Content-Type: image/png", b"Content-ID: <a>"], "", True),
        ([b"Content-Disposition: attachment", b"Content-ID: <a>"], "attachment", False),
        ([b"Content-Disposition: form-data"], "attachment", False),
        ([b'Content-Disposition: filename="a.txt"'], "attachment", False),
    ],
)
def test_what_counts_as_inline(headers: list[bytes], disposition: str, inline: bool) -> None:
    attachment = attach(*headers)
    assert (attachment.disposition, attachment.inline) == (disposition, inline)


def test_a_text_attachment_keeps_its_bytes_and_the_claimed_charset() -> None:
    attachment = attach(
        b"Content-Type: text/csv; charset=Windows-1252; name=a.csv", content=b"a;\xfc\r\nb;c\r\n"
    )
    assert (attachment.charset, attachment.content) == ("windows-1252", b"a;\xfc\r\nb;c\r\n")


@pytest.mark.parametrize(
    ("content_type", "filename"),
    [
        (b"application/pdf", "attachment-1.pdf"),
        (b"image/jpeg", "attachment-1.jpg"),
        (b"text/calendar; method=REQUEST", "attachment-1.ics"),
        (b"message/rfc822", "attachment-1.eml"),
        (b"application/x-unheard-of", "attachment-1.bin"),
    ],
)
def test_a_part_without_a_name_gets_one(content_type: bytes, filename: str) -> None:
    assert attach(b"Content-Type: " + content_type).filename == filename


def test_a_mail_that_is_nothing_but_a_pdf_is_an_attachment() -> None:
    message = parse(
        b"Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBE"
    )
    assert (message.body_text, message.body_html) == ("", "")
    assert [(a.filename, a.content) for a in message.attachments] == [("attachment-1.pdf", b"%PD")]


def test_a_forwarded_message_keeps_its_bytes() -> None:
    attachment = attach(b"Content-Type: message/rfc822", content=FORWARDED)
    assert (attachment.filename, attachment.content) == ("attachment-1.eml", FORWARDED)


def test_the_parts_of_a_digest_are_messages() -> None:
    message = parse(
        b"Content-Type: multipart/digest; boundary=x\r\n\r\n--x\r\n\r\nSubject: a\r\n\r\nb\r\n--x--"
    )
    assert [(a.content_type, a.content) for a in message.attachments] == [
        ("message/rfc822", b"Subject: a\r\n\r\nb")
    ]


def test_equal_names_are_both_kept() -> None:
    part = b"--x\r\nContent-Disposition: attachment; filename=a.txt\r\n\r\n%b\r\n"
    message = parse(
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + part % b"1" + part % b"2" + b"--x--"
    )
    assert [(a.index, a.filename, a.content) for a in message.attachments] == [
        (0, "a.txt", b"1"),
        (1, "a.txt", b"2"),
    ]
