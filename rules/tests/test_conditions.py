"""What the tables of docs/rules.md cannot show: characters that look alike, and limits."""

from typing import Any

import pytest

from rules.conditions import compile_condition
from rules.fields import MAX_TEXT_LENGTH, View
from rules.tests.facts import MAIL, make_facts

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


@pytest.mark.parametrize(("at", "holds"), [(MAX_TEXT_LENGTH - 1, True), (MAX_TEXT_LENGTH, False)])
@pytest.mark.parametrize("operator", ["contains", "matches"])
def test_the_end_of_a_long_body_is_not_looked_at(operator: str, at: int, holds: bool) -> None:
    assert _holds("body", operator, "z", b"\r\n" + b"x" * at + b"z") is holds


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
