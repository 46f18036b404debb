import email.utils

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastsmtp.mail.mailboxes import find_address

CASES = {
    "bare": (b" ada@example.org", "ada@example.org"),
    "named": (b"Ada Example <ada@example.org>", "ada@example.org"),
    "angle brackets only": (b"<ada@example.org>", "ada@example.org"),
    "quoted name": (b'"Example, Ada <x@y>" <ada@example.org>', "ada@example.org"),
    "escaped quote": (b'"a\\"b <x@y>" <ada@example.org>', "ada@example.org"),
    "folded": (b"Ada\r\n Example\r\n <ada@example.org>\r", "ada@example.org"),
    "several": (b"a@example.org, b@example.org", "a@example.org"),
    "several named": (b"A <a@example.org>, B <b@example.org>", "a@example.org"),
    "empty first": (b", ,a@example.org", "a@example.org"),
    "address as name": (b"a@example.com <b@example.org>", "b@example.org"),
    "comment behind": (b"ada@example.org (Ada <x@y>)", "ada@example.org"),
    "comment before": (b"(x@y (z)) ada@example.org", "ada@example.org"),
    "group": (b"Team: ada@example.org, b@example.org;", "ada@example.org"),
    "route": (b"<@a.example,@b.example:ada@example.org>", "ada@example.org"),
    "quoted local part": (b'Ada <"ada lovelace"@example.org>', '"ada lovelace"@example.org'),
    "quoted and bare": (b'"ada lovelace"@example.org', '"ada lovelace"@example.org'),
    "UTF-8": ("Jörg <jörg@bücher.example>".encode(), "jörg@bücher.example"),
    "raw name": (b"J\xf6rg <joerg@example.org>", "joerg@example.org"),
    "name that decodes to an address": (
        b"=?utf-8?q?=3Cboss=40example.com=3E?= <ada@example.org>",
        "ada@example.org",
    ),
    "no domain": (b"MAILER-DAEMON (Mail Delivery System)", "MAILER-DAEMON"),
    "words": (b"Mailer Daemon", ""),
    "quoted words": (b'"Mailer Daemon"', ""),
    "empty": (b"<>", ""),
    "unclosed": (b"Ada <ada@example.org", "ada@example.org"),
    "unclosed quote": (b'"Ada <ada@example.org>', ""),
    "NUL": (b"<a\0b@example.org>", "a\ufffdb@example.org"),
}


@pytest.mark.parametrize(("value", "address"), CASES.values(), ids=CASES)
def test_the_first_address_is_found(value: bytes, address: str) -> None:
    assert find_address(value) == address


@given(st.text(st.characters(codec="ascii", exclude_categories=["C"])))
def test_any_display_name_leaves_the_address(name: str) -> None:
    value = email.utils.formataddr((name, "ada@example.org"))
    assert find_address(value.encode()) == "ada@example.org"


@given(st.binary())
def test_any_bytes_have_an_address_or_none(value: bytes) -> None:
    find_address(value).encode()
