"""A receiver that takes little gets what fits, in the order of what is worth most, and is told what
is missing."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.bodies.body import Body, build
from delivery.bodies.fitting import cut
from delivery.lanes.answers import SUSPICIOUS_SIZE
from delivery.tests.forms import read_form
from delivery.tests.payload_schema import checked
from delivery.tests.plain_jobs import make_job

TEXT = 'Grüße "aus" \\ Köln\t\U0001f600\x01\n> quoted\n' * 200
MAIL = (
    "From: Ada <ada@example.org>\r\nTo: support@example.com\r\nCc: eve@example.org\r\n"
    "Subject: Hello\r\nReferences: <a@example.org> <b@example.org>\r\n"
    "Content-Type: multipart/mixed; boundary=m\r\n\r\n"
    "--m\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n"
    f"--a\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{TEXT}-- \nAda\r\n"
    f"--a\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>{TEXT}</p>\r\n--a--\r\n"
    "--m\r\nContent-Type: application/pdf; name=a.pdf\r\n\r\n" + "%PDF" * 5000 + "\r\n--m--\r\n"
).encode()
MUCH = b"Subject: s\r\n\r\n" + b'"quoted"\r\n' * 1_000_000

TEXTS = ["body_text", "body_html", "stripped_text", "quoted_text", "signature_text"]


def body_of(mode: str, raw: bytes = MAIL, most: int | None = None, **changes: Any) -> Body:
    return build(make_job(target={"mode": mode, "max_body_bytes": most}, **changes), raw)


def sizes(mode: str) -> tuple[int, int]:
    """Of the smallest body that is possible, and of one with everything but contents."""
    return len(body_of(mode, most=1).content), len(body_of(mode, oversize_failures=2).content)


@pytest.mark.parametrize("mode", ["json", "multipart", "thin"])
def test_it_fits_whatever_the_limit(mode: str) -> None:
    smallest, largest = sizes(mode)
    whole = checked(body_of(mode, oversize_failures=2), is_thin=mode == "thin")
    for most in range(smallest, largest, max((largest - smallest) // 150, 1)):
        body = body_of(mode, most=most)
        assert len(body.content) <= most
        payload = checked(body, is_thin=mode == "thin")
        changed = {name for name, value in payload.items() if value != whole[name]}
        # Links and their signatures are made anew.
        lost = {name for name in changed if len(str(payload[name])) < len(str(whole[name]))}
        assert set(payload["truncated"]) == lost - {"truncated"}


@pytest.mark.parametrize("mode", ["json", "multipart"])
def test_hardly_a_byte_is_given_away(mode: str) -> None:
    smallest, largest = sizes(mode)
    most = smallest + (largest - smallest) // 4
    mark = len('"signature_text",')  # it is so short that it takes the place of its own name
    assert most - mark - 8 < len(body_of(mode, most=most).content) <= most


def test_a_little_too_large_loses_what_is_worth_least() -> None:
    _, largest = sizes("json")
    payload = checked(body_of("json", most=largest - 1))
    assert payload["truncated"]
    assert set(payload["truncated"]) < {"stripped_text", "quoted_text", "signature_text"}


@pytest.mark.parametrize("mode", ["json", "thin"])
@pytest.mark.parametrize("text", ["", "H", "Hi", "Hello", MAIL.decode()])
def test_a_byte_too_large_is_too_large(mode: str, text: str) -> None:
    raw = f"Subject: s\r\nContent-Type: image/png; name=a\r\n\r\n{text}".encode()
    largest = len(body_of(mode, raw, oversize_failures=2).content)
    body = body_of(mode, raw, most=largest - 1, oversize_failures=2)
    assert len(body.content) < largest
    assert checked(body, is_thin=mode == "thin")["truncated"]


def test_the_order() -> None:
    """What is cut first stands last, and before it is cut everything behind it is gone."""
    smallest, largest = sizes("json")
    whole = checked(body_of("json", oversize_failures=2))
    for most in range(smallest, largest, 500):
        payload = checked(body_of("json", most=most))
        names = payload["truncated"]
        if "body_html" in names:
            assert not payload["stripped_text"]
            assert not payload["quoted_text"]
        if "body_text" in names:
            assert not payload["body_html"]
            assert whole["body_text"].startswith(payload["body_text"])
        elif "body_html" in names:
            assert payload["headers_list"]
            assert whole["body_html"].startswith(payload["body_html"])


def test_headers_that_do_not_fit_leave_their_room_to_the_text() -> None:
    raw = b"X-Junk: " + b"x" * 60_000 + b"\r\nSubject: s\r\n\r\nIt works.\r\n"
    payload = checked(body_of("json", raw, most=50_000))
    assert payload["truncated"] == ["headers", "headers_list"]
    assert (payload["headers"], payload["headers_list"]) == ({}, [])
    assert (payload["subject"], payload["body_text"]) == ("s", "It works.\n")


def test_what_cannot_be_left_out_is_sent_however_small_the_limit() -> None:
    payload = checked(body_of("json", most=1))
    assert (payload["from"], payload["subject"]) == ("ada@example.org", "Hello")
    assert payload["raw_message"]["url"]
    assert payload["has_attachments"]
    assert not any(payload[name] for name in [*TEXTS, "headers", "attachments", "cc"])
    assert set(payload["truncated"]) > {*TEXTS, "headers", "headers_list", "attachments", "cc"}


@pytest.mark.parametrize("mode", ["json", "multipart"])
def test_who_refused_a_long_text_gets_its_beginning(mode: str) -> None:
    assert len(body_of(mode, MUCH).content) > 10 * SUSPICIOUS_SIZE
    for most in (None, 2 * SUSPICIOUS_SIZE, 100_000):
        body = body_of(mode, MUCH, most, oversize_failures=2)
        limit = min(most or SUSPICIOUS_SIZE, SUSPICIOUS_SIZE)
        assert limit - 8 < len(body.content) <= limit
        payload = checked(body)
        assert payload["truncated"] == ["body_text", "stripped_text"]
        assert payload["body_text"].startswith('"quoted"\n' * 1000)
        assert payload["defects"] == ["text_too_long_to_split"]


def test_a_form_that_was_cut_repeats_only_what_is_short() -> None:
    _, largest = sizes("multipart")
    body = body_of("multipart", most=largest // 2)
    texts, files = read_form(body.content_type, body.content)
    assert (texts["subject"], texts["from"]) == ("Hello", "ada@example.org")
    assert not files
    assert not texts.keys() & {*TEXTS, "cc", "references"}
    assert body.form_payload == texts["payload"].encode()


@pytest.mark.parametrize("mode", ["thin", "raw"])
def test_thin_loses_a_long_list_of_attachments(mode: str) -> None:
    part = b"--b\r\nContent-Type: image/png; name=logo.png\r\n\r\nPNG\r\n"
    raw = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + part * 500
    payload = checked(body_of(mode, raw, most=20_000), is_thin=True)
    assert (payload["attachments"], payload["has_attachments"]) == ([], True)
    assert payload["truncated"] == ["attachments"]


@given(st.text(st.characters(exclude_categories=["Cs"])), st.integers(-2, 200))
def test_a_cut_text_is_the_longest_that_fits(text: str, most: int) -> None:
    def size(part: str) -> int:
        return len(orjson.dumps(part)) - 2

    kept = cut(text, most)
    assert text.startswith(kept)
    assert size(kept) <= max(most, 0)
    assert kept == text or size(text[: len(kept) + 1]) > most


def test_a_long_text_is_cut_to_the_byte() -> None:
    assert len(cut("ü" * 300_000, 500_001)) == 250_000
    assert cut("ü" * 300_000, 600_000) == "ü" * 300_000
