import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastsmtp.mail.address import parse_reverse_path

VERP = "bounces+" + "a" * 80 + "=example.org@lists.example.com"
SRS = "SRS0=" + "h" * 70 + "=TT=example.org=ada@forwarder.example"


@pytest.mark.parametrize(
    ("text", "sender"),
    [
        ("", ""),
        ("Ada@Example.ORG", "Ada@example.org"),
        ("jörg@bücher.example", "jörg@xn--bcher-kva.example"),
        ('"ada lovelace"@example.org', '"ada lovelace"@example.org'),
        ("ada@[192.0.2.1]", "ada@[192.0.2.1]"),
        ("root@192.168.1.5", "root@192.168.1.5"),
        ("ups@plant_7.example", "ups@plant_7.example"),
        ("ups@-.example", "ups@-.example"),
        ("a..b@example.org", "a..b@example.org"),
        ("a@b@example.org", "a@b@example.org"),
        ("ada@xn--a.example", "ada@xn--a.example"),
        (VERP, VERP),
        (SRS, SRS),
        ("a" * 308 + "@example.org", "a" * 308 + "@example.org"),
    ],
)
def test_an_unusual_sender_is_taken_as_it_is(text: str, sender: str) -> None:
    assert parse_reverse_path(text) == sender


@pytest.mark.parametrize(
    "text",
    [
        "root",
        " ",
        "ada lovelace@example.org",
        "ada@exam ple.org",
        "ada\0@example.org",
        "ada@example.org\r",
        "ada\n@example.org",
        "ada\x7f@example.org",
        "ada\x85@example.org",
        "ada\u2028@example.org",
        "ada\udcff@example.org",
        "a" * 309 + "@example.org",
        "ö" * 155 + "@example.org",
    ],
)
def test_what_cannot_be_an_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^(The|A) "):
        parse_reverse_path(text)


@given(st.text(max_size=400))
def test_any_accepted_sender_can_be_stored(text: str) -> None:
    try:
        sender = parse_reverse_path(text)
    except ValueError:
        return
    assert len(sender.encode()) <= 320
    assert not sender or "@" in sender
    assert "\0" not in sender
