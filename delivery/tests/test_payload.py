"""The JSON body that receivers build on: every field has its name, its place and its type."""

from base64 import b64decode, b64encode
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import orjson
import pytest

from delivery.bodies.body import build
from delivery.tests.plain_jobs import DELIVERY_ID, MESSAGE_ID, make_job
from fastsmtp.config import config

PDF = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n" + bytes(range(256)) * 10
LOGO = b"\x89PNG\r\n\x1a\n" + bytes(100)

MAIL = (
    b"""\
From: John Doe <sender@example.com>
To: recipient@yourdomain.com
Cc: Jane <jane@example.com>
Reply-To: billing@example.com
Subject: Invoice for January
Date: Mon, 06 Jan 2025 10:00:00 +0000
Message-ID: <abc123@sender.com>
In-Reply-To: <order@yourdomain.com>
References: <first@yourdomain.com> <order@yourdomain.com>
Content-Type: multipart/mixed; boundary="m"

--m
Content-Type: multipart/alternative; boundary="a"

--a
Content-Type: text/plain; charset=utf-8

Please find attached the invoice for January 2025.
--a
Content-Type: text/html; charset=utf-8

<p>Please find attached the invoice for January 2025.</p>
--a--
--m
Content-Type: application/pdf
Content-Disposition: attachment; filename="invoice-2025-01.pdf"
Content-Transfer-Encoding: base64

"""
    + b64encode(PDF)
    + b"""
--m
Content-Type: image/png; name="logo.png"
Content-Disposition: inline
Content-ID: <logo@sender.com>
Content-Transfer-Encoding: base64

"""
    + b64encode(LOGO)
    + b"""
--m--
"""
).replace(b"\n", b"\r\n")

# The example that the product was specified with, its attachment in full.
SPECIFIED: dict[str, Any] = {
    "message_id": "<abc123@sender.com>",
    "from": "sender@example.com",
    "to": "recipient@yourdomain.com",
    "subject": "Invoice for January",
    "date": "Mon, 06 Jan 2025 10:00:00 +0000",
    "envelope_from": "sender@example.com",
    "envelope_to": ["recipient@yourdomain.com"],
    "headers": {
        "Received": (
            "from mail.example.com ([203.0.113.50]) by mx.example.net with ESMTPS"
            " id 01943a5c-0000-7000-8000-000000000002 for <recipient@yourdomain.com>;"
            " Mon, 06 Jan 2025 10:00:01 +0000"
        ),
        "From": "John Doe <sender@example.com>",
        "To": "recipient@yourdomain.com",
        "Cc": "Jane <jane@example.com>",
        "Reply-To": "billing@example.com",
        "Subject": "Invoice for January",
        "Date": "Mon, 06 Jan 2025 10:00:00 +0000",
        "Message-ID": "<abc123@sender.com>",
        "In-Reply-To": "<order@yourdomain.com>",
        "References": "<first@yourdomain.com> <order@yourdomain.com>",
        "Content-Type": 'multipart/mixed; boundary="m"',
    },
    "body_text": "Please find attached the invoice for January 2025.",
    "body_html": "<p>Please find attached the invoice for January 2025.</p>",
    "has_attachments": True,
    "attachments": [
        {
            "filename": "invoice-2025-01.pdf",
            "content_type": "application/pdf",
            "size": len(PDF),
            "content": b64encode(PDF).decode(),
            "index": 0,
            "disposition": "attachment",
            "content_id": None,
            "inline": False,
            "sha256": sha256(PDF).hexdigest(),
            "charset": None,
        },
        {
            "filename": "logo.png",
            "content_type": "image/png",
            "size": len(LOGO),
            "content": b64encode(LOGO).decode(),
            "index": 1,
            "disposition": "inline",
            "content_id": "logo@sender.com",
            "inline": True,
            "sha256": sha256(LOGO).hexdigest(),
            "charset": None,
        },
    ],
    "dkim_result": "pass",
    "dkim_domain": "example.com",
    "spf_result": "pass",
    "spf_domain": "example.com",
    "client_ip": "203.0.113.50",
    "tags": [],
}
ADDED: dict[str, Any] = {
    "type": "email.received",
    "schema_version": 1,
    "timestamp": "2025-01-06T10:00:01.234+00:00",
    "id": str(DELIVERY_ID),
    "email_id": str(MESSAGE_ID),
    "domain": "yourdomain.com",
    "recipient": "recipient@yourdomain.com",
    "recipient_tag": None,
    "cc": "Jane <jane@example.com>",
    "reply_to": "billing@example.com",
    "in_reply_to": "<order@yourdomain.com>",
    "references": "<first@yourdomain.com> <order@yourdomain.com>",
    "addresses": {
        "from": [{"name": "John Doe", "address": "sender@example.com"}],
        "to": [{"name": "", "address": "recipient@yourdomain.com"}],
        "cc": [{"name": "Jane", "address": "jane@example.com"}],
        "bcc": [],
        "reply_to": [{"name": "", "address": "billing@example.com"}],
        "sender": None,
    },
    "headers_list": [[name, value] for name, value in SPECIFIED["headers"].items()],
    "stripped_text": "Please find attached the invoice for January 2025.",
    "quoted_text": "",
    "signature_text": "",
    "calendar": [],
    "auth": {},
    "envelope": {
        "from": "sender@example.com",
        "to": ["recipient@yourdomain.com"],
        "helo": "mail.example.com",
        "client_ip": "203.0.113.50",
        "tls": {"version": "TLSv1.3", "cipher": "TLS_AES_256_GCM_SHA384"},
        "smtputf8": False,
    },
    "size": 1234,
    "truncated": [],
    "defects": [],
}


@pytest.fixture(autouse=True)
def _hostname(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config(), "smtp_hostname", "mx.example.net")


def _build(raw: bytes, **changes: Any) -> dict[str, Any]:
    """What a receiver reads: bytes that are JSON in UTF-8."""
    body = build(make_job(**changes), raw).content
    body.decode("utf-8", "strict")
    return orjson.loads(body)


def test_every_field() -> None:
    payload = _build(MAIL)
    raw_message = payload.pop("raw_message")
    assert payload == {**SPECIFIED, **ADDED}
    assert raw_message.pop("url").startswith(
        f"http://127.0.0.1:8000/downloads/{DELIVERY_ID}/raw?expires="
    )
    assert raw_message == {"size": len(MAIL), "sha256": sha256(MAIL).hexdigest()}


@pytest.mark.parametrize("raw", [b"", b"\r\n", b"no header at all", b"\0\xff\x80\r\n\r\n\0\xff"])
def test_the_fields_are_there_whatever_the_mail(raw: bytes) -> None:
    payload = _build(raw)
    assert payload.keys() == {**SPECIFIED, **ADDED, "raw_message": {}}.keys()
    for name, value in {**SPECIFIED, **ADDED}.items():
        if value is not None:
            assert type(payload[name]) is type(value), name
    assert (payload["has_attachments"], payload["attachments"]) == (False, [])


def test_an_unverified_mail() -> None:
    payload = _build(MAIL, dkim_result="none", dkim_domain=None, spf_result="none", spf_domain=None)
    assert (payload["dkim_result"], payload["dkim_domain"]) == ("none", None)
    assert (payload["spf_result"], payload["spf_domain"]) == ("none", None)


def test_a_bounce_has_no_envelope_sender() -> None:
    assert _build(MAIL, mail_from="")["envelope_from"] == ""


@pytest.mark.parametrize(
    ("address", "tag"),
    [
        ("support+TICKET-1@yourdomain.com", "TICKET-1"),
        ("support+a+b@yourdomain.com", "a+b"),
        ("support+@yourdomain.com", ""),
        ("support@yourdomain.com", None),
    ],
)
def test_the_recipient_is_the_one_of_the_envelope(address: str, tag: str | None) -> None:
    payload = _build(
        MAIL,
        recipient_address=address,
        rcpt_to=[[address, "x"], ["sales@yourdomain.com", "y"]],
        tags=["vip"],
    )
    assert payload["to"] == payload["recipient"] == address
    assert payload["recipient_tag"] == tag
    assert payload["envelope_to"] == [address, "sales@yourdomain.com"]
    assert payload["tags"] == ["vip"]


def test_of_a_repeated_header_the_first_counts() -> None:
    payload = _build(b"X-Hop: b\r\nX-Hop: a\r\nsubject: s\r\nSubject: t\r\n\r\n")
    assert payload["headers"]["X-Hop"] == "b"
    assert payload["subject"] == "s"


def test_our_received_field_is_the_topmost() -> None:
    """RFC 5321 §4.4."""
    payload = _build(b"Received: from a by b; Mon, 06 Jan 2025 09:59:00 +0000\r\n\r\n")
    assert payload["headers"]["Received"].startswith("from mail.example.com ([203.0.113.50]) by mx")


def test_other_recipients_are_not_told() -> None:
    others = [["recipient@yourdomain.com", str(DELIVERY_ID)], ["b@yourdomain.com", str(MESSAGE_ID)]]
    assert " for " not in _build(b"\r\n", rcpt_to=others)["headers"]["Received"]


def test_what_we_found_out_stands_in_the_headers() -> None:
    """And nobody else says it in our name."""
    found = "mx.example.net; spf=pass smtp.mailfrom=sender@example.com"
    raw = (
        b"Authentication-Results: MX.example.net;\r\n\tdkim=pass header.d=bank.example\r\n"
        b"authentication-results: relay.example; spf=fail\r\n"
        b"From: sender@example.com\r\n\r\nHello\r\n"
    )
    received = SPECIFIED["headers"]["Received"]
    assert _build(raw, authentication_results=found)["headers"] == {
        "Received": received,
        "Authentication-Results": found,
        "authentication-results": "relay.example; spf=fail",
        "From": "sender@example.com",
    }
    assert _build(raw)["headers"] == {
        "Received": received,
        "authentication-results": "relay.example; spf=fail",
        "From": "sender@example.com",
    }


def test_text_is_decoded() -> None:
    payload = _build(
        b"From: =?utf-8?b?SsO8cmdlbg==?= <j@example.org>\r\n"
        b"Subject: =?iso-8859-1?q?Gr=FC=DFe?= =?utf-8?b?8J+Mjg==?=\r\n"
        b"Content-Type: text/plain; charset=iso-8859-15\r\n\r\n" + "10 €".encode("iso-8859-15")
    )
    assert payload["subject"] == "Grüße🌎"
    assert payload["headers"]["From"] == "Jürgen <j@example.org>"
    assert payload["from"] == "j@example.org"
    assert payload["body_text"] == "10 €"


@pytest.mark.parametrize(
    ("charset", "body"),
    [("utf-8", b"a\0b\xed\xa0\x80\xff"), ("utf-16-le", b"\x00\xd8a\x00"), ("utf-7", b"+2AA-")],
)
def test_what_unicode_cannot_express_is_replaced(charset: str, body: bytes) -> None:
    raw = b"Subject: a\0b\xed\xa0\x80\r\nContent-Type: text/plain; charset=%b\r\n\r\n%b"
    payload = _build(raw % (charset.encode(), body))
    for text in (payload["subject"], payload["body_text"]):
        assert "\ufffd" in text
        assert "\0" not in text
        text.encode("utf-8", "strict")


class TestLargeAttachments:
    @pytest.fixture
    def _limit(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        """As large as the PDF and no larger."""
        monkeypatch.setenv("FASTSMTP_WEBHOOK_MAX_INLINE_ATTACHMENT_SIZE", str(len(PDF)))
        config.cache_clear()
        yield
        config.cache_clear()

    def _attachments(self, content: bytes) -> Any:
        return _build(MAIL.replace(b64encode(PDF), b64encode(content)))["attachments"]

    @pytest.mark.usefixtures("_limit")
    def test_up_to_the_limit_it_is_in(self) -> None:
        pdf, _ = self._attachments(PDF)
        assert b64decode(pdf["content"]) == PDF
        assert "omitted_reason" not in pdf

    @pytest.mark.usefixtures("_limit")
    def test_beyond_it_is_described_only(self) -> None:
        larger = PDF + b"!"
        pdf, logo = self._attachments(larger)
        assert "content" not in pdf
        assert pdf["omitted_reason"] == "too_large"
        assert (pdf["filename"], pdf["size"]) == ("invoice-2025-01.pdf", len(larger))
        assert pdf["sha256"] == sha256(larger).hexdigest()
        assert b64decode(logo["content"]) == LOGO
