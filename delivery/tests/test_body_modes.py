"""What an endpoint gets, by its mode and by how much it takes."""

from base64 import b64encode
from email import message_from_bytes
from email.policy import default
from hashlib import sha256
from typing import Any
from urllib.parse import unquote

import orjson
import pytest

from delivery.bodies.body import Body, build
from delivery.bodies.content import read_mail
from delivery.bodies.fact_headers import MAX_TAGS
from delivery.tests.forms import read_form
from delivery.tests.plain_jobs import DELIVERY_ID, MESSAGE_ID, make_job
from delivery.tests.test_payload import MAIL, PDF
from fastsmtp.config import config

# What a mail makes when it is asked for.
MADE = {"addresses", "body_text", "body_html", "reply", "events"}


@pytest.fixture(autouse=True)
def _hostname(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config(), "smtp_hostname", "mx.example.net")


def body_of(
    mode: str, *, raw: bytes = MAIL, target: dict[str, Any] | None = None, **changes: Any
) -> Body:
    return build(make_job(target={"mode": mode, **(target or {})}, **changes), raw)


def attachments_of(body: Body) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = orjson.loads(body.content)["attachments"]
    return found


def test_a_form_has_the_payload_and_the_files() -> None:
    body = body_of("multipart")
    texts, files = read_form(body.content_type, body.content)
    payload = orjson.loads(texts["payload"])
    assert payload["subject"] == texts["subject"] == "Invoice for January"
    assert [("content" in item, "omitted_reason" in item) for item in payload["attachments"]] == [
        (False, False),
        (False, False),
    ]
    assert files["attachment_0"] == ("invoice-2025-01.pdf", "application/pdf", PDF)
    assert set(files) == {"attachment_0", "attachment_1"}
    assert body.form_payload == texts["payload"].encode()
    assert (texts["size"], texts["has_attachments"]) == ("1234", "true")


def test_a_long_text_stands_in_a_form_once() -> None:
    body = body_of("multipart", raw=b"Subject: s\r\n\r\n" + b"x" * 100_000)
    texts, _ = read_form(body.content_type, body.content)
    assert "body_text" not in texts
    assert len(orjson.loads(texts["payload"])["body_text"]) == 100_000


def test_an_empty_file_is_not_in_the_form() -> None:
    body = body_of("multipart", raw=MAIL.replace(b64encode(PDF), b""))
    texts, files = read_form(body.content_type, body.content)
    assert set(files) == {"attachment_1"}
    empty, _ = orjson.loads(texts["payload"])["attachments"]
    assert (empty["filename"], empty["size"]) == ("invoice-2025-01.pdf", 0)
    assert not empty.keys() & {"omitted_reason", "download_url"}


def test_a_file_that_is_too_large_is_a_link_in_the_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config(), "webhook_max_inline_attachment_size", len(PDF) - 1)
    body = body_of("multipart")
    texts, files = read_form(body.content_type, body.content)
    assert set(files) == {"attachment_1"}
    large, small = orjson.loads(texts["payload"])["attachments"]
    assert large["omitted_reason"] == "too_large"
    assert f"/downloads/{DELIVERY_ID}/0?" in large["download_url"]
    assert "download_url" not in small


def test_raw_is_the_message_as_delivered() -> None:
    found = "mx.example.net; spf=pass smtp.mailfrom=sender@example.com"
    forged = b"Authentication-Results: mx.example.net; dkim=pass\r\n"
    body = body_of("raw", raw=forged + MAIL, authentication_results=found, tags=["a", "b c"])
    assert body.content_type == "message/rfc822"
    assert body.content.endswith(MAIL)
    message = message_from_bytes(body.content, policy=default)
    assert message.keys()[:3] == ["Received", "Authentication-Results", "From"]
    assert message["Authentication-Results"] == found
    assert body.headers == {
        "fastsmtp-recipient": "recipient@yourdomain.com",
        "fastsmtp-envelope-from": "sender@example.com",
        "fastsmtp-client-ip": "203.0.113.50",
        "fastsmtp-dkim": "pass",
        "fastsmtp-spf": "pass",
        "fastsmtp-tags": "a,b%20c",
    }


def test_facts_in_headers_stay_in_their_place() -> None:
    headers = body_of("raw", mail_from="ü\r\nX-Evil: 1@example.com").headers
    assert headers["fastsmtp-envelope-from"] == "%C3%BC%0D%0AX-Evil:%201@example.com"


def test_many_tags_are_cut_visibly() -> None:
    tags = [f"tag {number:04} of a rule" for number in range(2000)]
    headers = body_of("raw", tags=tags).headers
    shown = unquote(headers["fastsmtp-tags"]).split(",")
    assert 50 < len(shown) < len(tags)
    assert shown == tags[: len(shown)]
    assert headers["fastsmtp-truncated"] == "tags"


def test_as_many_tags_as_fit_are_told() -> None:
    tags = ["x" * 63] * 32
    headers = body_of("raw", tags=tags).headers
    assert headers["fastsmtp-tags"].split(",") == tags
    assert len(headers["fastsmtp-tags"]) == MAX_TAGS - 1
    assert "fastsmtp-truncated" not in headers
    assert len(body_of("raw", tags=[*tags, "y"]).headers["fastsmtp-tags"]) == MAX_TAGS - 1


@pytest.mark.parametrize("shift", range(12))
def test_a_long_address_is_cut_between_two_characters(shift: int) -> None:
    address = "a" * shift + "\N{GRINNING FACE}" * 300
    headers = body_of("raw", mail_from=address, recipient_address=address, tags=["t" * 64] * 99)
    shown = unquote(headers.headers["fastsmtp-envelope-from"], errors="strict")
    assert len(shown) > 80
    assert address.startswith(shown)
    assert headers.headers["fastsmtp-truncated"] == "recipient,envelope-from,tags"
    assert sum(len(name) + len(value) + 4 for name, value in headers.headers.items()) < 5000


def test_thin_has_links_and_no_content() -> None:
    payload = orjson.loads(body_of("thin").content)
    assert payload["email_id"] == str(MESSAGE_ID)
    assert payload["subject"] == "Invoice for January"
    assert not payload.keys() & {"body_text", "body_html", "headers", "headers_list"}
    assert [
        f"/{DELIVERY_ID}/{item['index']}?" in item["download_url"]
        for item in payload["attachments"]
    ] == [True, True]
    assert payload["raw_message"]["sha256"] == sha256(MAIL).hexdigest()
    assert b'content"' not in body_of("thin").content


@pytest.mark.parametrize("mode", ["json", "multipart"])
def test_a_small_endpoint_gets_links(mode: str) -> None:
    whole = body_of(mode)
    most = len(whole.content)
    assert len(body_of(mode, target={"max_body_bytes": most + 100}).content) == pytest.approx(
        most, abs=100
    )
    smaller = body_of(mode, target={"max_body_bytes": most - 100})
    assert len(smaller.content) < most - len(PDF) / 2
    inner = smaller.form_payload or smaller.content
    for item in orjson.loads(inner)["attachments"]:
        assert item["omitted_reason"] == "payload_limit"
        assert "content" not in item
        assert item["download_url"]


@pytest.mark.parametrize("mode", ["json", "multipart", "raw"])
def test_who_could_not_take_it_gets_links(mode: str) -> None:
    body = body_of(mode, oversize_failures=2)
    assert PDF not in body.content
    assert b"download_url" in body.content
    assert body_of(mode, oversize_failures=1).content != body.content


def test_raw_that_is_too_large_becomes_thin() -> None:
    body = body_of("raw", target={"max_body_bytes": 100})
    assert body.content_type == "application/json; charset=utf-8"
    assert "raw_message" in orjson.loads(body.content)


@pytest.mark.parametrize(("mode", "made"), [("raw", set()), ("thin", set()), ("json", MADE)])
def test_what_a_mode_does_not_carry_is_not_made(mode: str, made: set[str]) -> None:
    mail = read_mail(MAIL, "")
    build(make_job(target={"mode": mode}), MAIL, mail=mail)
    assert vars(mail).keys() & MADE == made


def test_thin_tells_nothing_of_texts_that_it_does_not_have() -> None:
    raw = b"Content-Type: text/html\r\n\r\n" + b"<b>" * 1_000_000 + b"x"
    assert "body_text" in orjson.loads(body_of("json", raw=raw).content)["truncated"]
    assert orjson.loads(body_of("thin", raw=raw).content)["truncated"] == []
