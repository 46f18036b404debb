"""The shipped mails, which `./dev demo` sends, are what they claim to be."""

from pathlib import Path

import pytest

import fastsmtp
from fastsmtp.mail.message import ParsedMessage, parse

SAMPLES = Path(fastsmtp.__file__).parent / "samples"


def read(name: str) -> ParsedMessage:
    return parse((SAMPLES / f"{name}.eml").read_bytes())


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.eml")), ids=lambda path: path.stem)
def test_a_sample_is_ready_for_smtp(path: Path) -> None:
    raw = path.read_bytes()
    assert raw.count(b"\n") == raw.count(b"\r\n") == raw.count(b"\r")
    assert raw.endswith(b"\r\n")
    assert raw.isascii()
    message = parse(raw)
    assert message.defects == ()
    assert message.from_address.endswith("@example.org")
    assert "@example.com" in message.to
    assert message.message_id.endswith("@example.org>")
    assert message.body_text


def test_the_samples_are_complete() -> None:
    names = {path.stem for path in SAMPLES.glob("*.eml")}
    assert names == {"html-inline-image", "pdf-attachment", "plain", "reply", "utf8-subject"}


def test_the_html_sample_shows_its_image() -> None:
    message = read("html-inline-image")
    (image,) = message.attachments
    assert f"cid:{image.content_id}" in message.body_html
    assert (image.inline, image.content[:8]) == (True, b"\x89PNG\r\n\x1a\n")


def test_the_invoice_is_a_pdf() -> None:
    (invoice,) = read("pdf-attachment").attachments
    assert (invoice.filename, invoice.content_type) == ("invoice-2025-017.pdf", "application/pdf")
    assert invoice.content.startswith(b"%PDF-1.4")
    offset = int(invoice.content.split()[-2])
    assert invoice.content[offset:].startswith(b"xref")


def test_the_subject_is_utf8() -> None:
    message = read("utf8-subject")
    assert message.subject == "Grüße aus Łódź – こんにちは, καλημέρα 🎉"
    assert "日本語. 🎉" in message.body_text


def test_the_reply_quotes_and_is_tagged() -> None:
    message = read("reply")
    assert message.in_reply_to in message.references
    assert "\n> > the printer" in message.body_text
    assert "support+TICKET-17@example.com" in message.to
