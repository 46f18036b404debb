"""All mailboxes of a field, in order, with their names."""

import email.utils

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastsmtp.mail.mailboxes import find_address, read_mailboxes

CASES = {
    "bare": (b" ada@example.org", [("", "ada@example.org")]),
    "named": (b"Ada Example <ada@example.org>", [("Ada Example", "ada@example.org")]),
    "several": (
        b"Ada <a@example.org>,\r\n b@example.org, <c@example.org>",
        [("Ada", "a@example.org"), ("", "b@example.org"), ("", "c@example.org")],
    ),
    "comma in quotes": (
        b'"Example, \\"Ada\\"" <a@example.org>, b@example.org',
        [('Example, "Ada"', "a@example.org"), ("", "b@example.org")],
    ),
    "semicolons": (b"a@example.org; b@example.org", [("", "a@example.org"), ("", "b@example.org")]),
    "no separator": (
        b"A <a@example.org> B <b@example.org>",
        [("A", "a@example.org"), ("", "b@example.org")],
    ),
    "encoded": (b"=?utf-8?q?J=C3=B6?= <j@example.org>", [("Jö", "j@example.org")]),
    "encoded in quotes": (b'"=?utf-8?q?J=C3=B6?=" <j@example.org>', [("Jö", "j@example.org")]),
    "encoded comma": (
        b"=?utf-8?q?a=2C_b=40c=2Eexample?= <j@example.org>",
        [("a, b@c.example", "j@example.org")],
    ),
    "comment as name": (b"ada@example.org (Ada Example)", [("Ada Example", "ada@example.org")]),
    "comment behind a name": (b"Ada <ada@example.org> (at work)", [("Ada", "ada@example.org")]),
    "group": (
        b"Team: Ada <a@example.org>, b@example.org;, c@example.org",
        [("Ada", "a@example.org"), ("", "b@example.org"), ("", "c@example.org")],
    ),
    "empty group": (b"undisclosed-recipients:;", []),
    "route": (b"<@a.example,@b.example:ada@example.org>", [("", "ada@example.org")]),
    "words": (b"Mailer Daemon", [("Mailer Daemon", "")]),
    "null sender": (b"Postmaster <>", [("Postmaster", "")]),
    "brackets twice": (b"Ada <<ada@example.org>>", [("Ada", "ada@example.org")]),
    "unclosed": (b"Ada <ada@example.org", [("Ada", "ada@example.org")]),
    "commas only": (b", ,;", []),
    "NUL": (b"a\0b <a@example.org>", [("a\ufffdb", "a@example.org")]),
    "raw": ("Jörg <jörg@bücher.example>".encode(), [("Jörg", "jörg@bücher.example")]),
}


@pytest.mark.parametrize(("value", "mailboxes"), CASES.values(), ids=CASES)
def test_mailboxes_are_read(value: bytes, mailboxes: list[tuple[str, str]]) -> None:
    assert [(m.name, m.address) for m in read_mailboxes(value)] == mailboxes


NAMES = st.text(st.characters(codec="ascii", exclude_categories=["C"], exclude_characters="?="))


@given(st.lists(NAMES.map(str.strip), max_size=5))
def test_what_another_library_writes_is_read_back(names: list[str]) -> None:
    value = ", ".join(email.utils.formataddr((name, "ada@example.org")) for name in names)
    assert [(m.name, m.address) for m in read_mailboxes(value.encode())] == [
        (name, "ada@example.org") for name in names
    ]


@given(st.binary() | st.lists(st.sampled_from([b"<", b">", b",", b":", b";", b'"', b"(", b")",
                                               b"a@b", b"\\", b" ", b"=?utf-8?q?=3C?="]),
                              max_size=30).map(b"".join))  # fmt: skip
def test_any_bytes_are_mailboxes_and_the_first_is_the_senders(value: bytes) -> None:
    mailboxes = list(read_mailboxes(value))
    for mailbox in mailboxes:
        (mailbox.name + mailbox.address).encode()
        assert not set(mailbox.name + mailbox.address) & set("\0\r\n")
    address = find_address(value)
    assert not address or any(mailbox.address == address for mailbox in mailboxes)


@given(
    st.lists(
        st.sampled_from(
            [b"Ada", b" ", b"\t", b'"', b"<", b">", b"a@example.org", b"=?utf-8?q?J?=", b".", b"'"]
        ),
        max_size=8,
    ).map(b"".join)
)
def test_one_mailbox_is_read_like_several(value: bytes) -> None:
    """The short way for the ordinary field and the long way for all others agree."""
    assert list(read_mailboxes(value)) == list(read_mailboxes(b"," + value))
