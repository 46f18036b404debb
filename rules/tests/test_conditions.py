"""What the tables of docs/rules.md cannot show: characters that look alike, and limits."""

from typing import Any

import pytest

from rules.conditions import compile_condition
from rules.facts import CannotEvaluate
from rules.fields import MAX_TEXT_LENGTH
from rules.tests.facts import MAIL, make_facts
from rules.view import View

COMPOSED, DECOMPOSED = "caf\u00e9", "cafe\u0301"


def _holds(field: str, operator: str, value: str, raw: bytes = MAIL, **facts: Any) -> bool:
    condition = compile_condition(field=field, operator=operator, value=value)
    return condition.holds(View(make_facts(raw, **facts)))


@pytest.mark.parametrize("operator", ["equals", "in", "contains", "matches"])
@pytest.mark.parametrize(
    ("subject", "value"), [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED)], ids=["mail", "rule"]
)
def test_a_character_is_the_same_however_it_was_typed(
    operator: str, subject: str, value: str
) -> None:
    assert _holds("subject", operator, value, subject=subject)


@pytest.mark.parametrize("operator", ["contains", "matches"])
def test_the_longest_body_that_is_looked_at(operator: str) -> None:
    body = b"\r\n" + b"x" * (MAX_TEXT_LENGTH - 1)
    assert _holds("body", operator, "z", body + b"z")
    with pytest.raises(CannotEvaluate):
        _holds("body", operator, "z", body + b"xz")


def test_the_last_character_of_what_is_left_proves_nothing() -> None:
    """What was cut off may be an accent."""
    body = b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + b"x" * (MAX_TEXT_LENGTH - 4)
    body += DECOMPOSED.encode()
    for operator in ("contains", "matches", "not_contains"):
        with pytest.raises(CannotEvaluate):
            _holds("body", operator, "cafe", body)


def test_a_long_subject_is_read_from_the_mail() -> None:
    raw = b"Subject: " + b"x" * 2_000 + b" needle\r\n\r\n"
    assert _holds("subject", "ends_with", "needle", raw, subject="x" * 998)


@pytest.mark.parametrize(
    ("field", "operator", "value"),
    [
        ("subject", "contains", "spam"),
        ("subject", "not_contains", "spam"),
        ("from", "equals", "ada@example.org"),
        ("from", "contains", "ada"),
        ("body", "contains", "spam"),
        ("attachment_count", "less_than", "1"),
    ],
)
def test_who_hides_behind_a_large_header(field: str, operator: str, value: str) -> None:
    raw = b"X-Junk: x\r\n" * 30_000 + b"Subject: spam\r\nFrom: ada@example.org\r\n\r\nHello\r\n"
    if field == "body":  # what stands behind the limit counts as body
        assert _holds(field, operator, value, raw)
        return
    with pytest.raises(CannotEvaluate):
        _holds(field, operator, value, raw)


def test_a_list_of_addresses_that_is_too_long() -> None:
    few = b", ".join(b"u%d@example.com" % number for number in range(1_000))
    assert not _holds("to", "equals", "info@example.com", b"To: " + few + b"\r\n\r\n")
    many = b"To: " + few + b", info@example.com\r\n\r\n"
    assert _holds("to", "equals", "u999@example.com", many)
    for operator in ("equals", "not_equals", "in"):
        with pytest.raises(CannotEvaluate):
            _holds("to", operator, "info@example.com", many)


def test_half_an_address_is_none() -> None:
    to = b"To: a@example.com, info@example.co"
    raw = to.ljust(64 * 1024 + 3, b"m") + b"mm\r\n\r\n"
    assert _holds("to", "equals", "a@example.com", raw)
    with pytest.raises(CannotEvaluate):
        _holds("to", "equals", "info@example.com", raw)


def test_a_container_that_cannot_be_opened_may_hold_anything() -> None:
    raw = b"Content-Type: application/ms-tnef; name=winmail.dat\r\n\r\nnone\r\n"
    assert _holds("attachment_name", "equals", "winmail.dat", raw)
    assert _holds("body", "not_contains", "invoice", raw)
    with pytest.raises(CannotEvaluate):
        _holds("attachment_name", "not_contains", "invoice", raw)


def test_an_ipv4_client_on_an_ipv6_socket() -> None:
    assert _holds("client_ip", "equals", "192.0.2.0/24", client_ip="::ffff:192.0.2.7")


@pytest.mark.parametrize("operator", ["equals", "in", "exists"])
def test_a_mail_without_a_client_matches_no_network(operator: str) -> None:
    assert not _holds("client_ip", operator, "0.0.0.0/0", client_ip="")


def test_the_bytes_are_not_asked_for_what_the_envelope_knows() -> None:
    def refuse() -> Any:
        raise AssertionError("the mail was parsed")

    for field in ("subject", "envelope_from", "recipient", "recipient_tag", "dkim_result", "tags"):
        assert not _holds(field, "equals", "other", mail=refuse)
    assert _holds("from", "equals", "ada@example.org", mail=refuse)
    assert _holds("size", "greater_than", "1", mail=refuse)


@pytest.mark.parametrize(
    "header",
    [
        b'"ceo@example.com" <other@example.net>',
        b"=?utf-8?q?ceo=40example=2Ecom?= <other@example.net>",
        b"other@example.net (ceo@example.com)",
    ],
    ids=["quoted", "encoded", "comment"],
)
@pytest.mark.parametrize("name", ["to", "cc"])
def test_a_display_name_is_no_address(name: str, header: bytes) -> None:
    raw = name.encode() + b": " + header + b"\r\n\r\n"
    assert not _holds(name, "equals", "ceo@example.com", raw)
    assert _holds(name, "equals", "other@example.net", raw)
