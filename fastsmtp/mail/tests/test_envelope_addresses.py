import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fastsmtp.mail.address import Mailbox, parse_mailbox, split_tag


@pytest.mark.parametrize(
    ("text", "local_part", "domain"),
    [
        ("ada@example.com", "ada", "example.com"),
        ("Ada.Lovelace+Tag@Example.COM", "Ada.Lovelace+Tag", "example.com"),
        ("!#$%&'*+/=?^_`{|}~-@example.com", "!#$%&'*+/=?^_`{|}~-", "example.com"),
        ("root@localhost", "root", "localhost"),
        ("ada@example.com.", "ada", "example.com"),
        ("jörg@bücher.example", "jörg", "xn--bcher-kva.example"),
        ("用户@例子.example", "用户", "xn--fsqu00a.example"),
        ("ada@xn--bcher-kva.EXAMPLE", "ada", "xn--bcher-kva.example"),
        ('"ada"@example.com', "ada", "example.com"),
        ('"ada lovelace"@example.com', "ada lovelace", "example.com"),
        (r'"a\"b\\c@d"@example.com', r'a"b\c@d', "example.com"),
        ("a" * 64 + "@example.com", "a" * 64, "example.com"),
    ],
)
def test_an_address_is_taken_apart(text: str, local_part: str, domain: str) -> None:
    assert parse_mailbox(text) == Mailbox(local_part, domain)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ada",
        "@example.com",
        "ada@",
        "ada@@example.com",
        "ada lovelace@example.com",
        ".ada@example.com",
        "ada.@example.com",
        "a..b@example.com",
        "a@b@example.com",
        '"ada@example.com',
        '"a"b"@example.com',
        '"a\\"@example.com',
        "<ada@example.com>",
        "a(b)@example.com",
        "ada@exam_ple.com",
        "ada@-example.com",
        "ada@example..com",
        "ada@xn--a.example",
        "ada\0@example.com",
        "ada@example.com\0",
        "ada@example.com\n",
        "ada\r\n@example.com",
        '"a\tb"@example.com',
        '"a\x85b"@example.com',
        "a\u2028b@example.com",
        "a\ud800@example.com",
        "ada@exam\udcffple.com",
        "a" * 65 + "@example.com",
        "ü" * 33 + "@example.com",
        "a" * 64 + "@" + ".".join(["b" * 63] * 3),
        "ada@[192.0.2.1]",
    ],
)
def test_what_is_no_address_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"^[A-Z].*\.$"):
        parse_mailbox(text)


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("ada@[192.0.2.1]", "[192.0.2.1]"),
        ("ada@[IPv6:2001:DB8::1]", "[IPv6:2001:db8::1]"),
        ("ada@[ipv6:::1]", "[IPv6:::1]"),
    ],
)
def test_address_literals_are_taken_on_request(text: str, domain: str) -> None:
    assert parse_mailbox(text, allow_literal=True).domain == domain


@pytest.mark.parametrize(
    "domain",
    ["[]", "[192.0.2.1", "[192.0.2.256]", "[IPv6:1]", "[::1]", "[IPv6:fe80::1%eth0]", "[x:y]"],
)
def test_a_wrong_address_literal_is_refused(domain: str) -> None:
    with pytest.raises(ValueError, match="literal"):
        parse_mailbox(f"ada@{domain}", allow_literal=True)


@pytest.mark.parametrize(
    "text",
    ["ada@example.com", '"ada lovelace"@example.com', r'"a\"b\\c"@example.com', '""@example.com'],
)
def test_an_address_is_quoted_where_it_must_be(text: str) -> None:
    assert parse_mailbox(text).address == text


@given(st.text())
@example('"\\')
@example("ß@ß")
def test_what_was_parsed_is_parsed_again_to_the_same(text: str) -> None:
    for candidate in (text, f"{text}@example.com", f"ada@{text}", f'"{text}"@example.com'):
        try:
            mailbox = parse_mailbox(candidate, allow_literal=True)
        except ValueError:
            continue
        assert parse_mailbox(mailbox.address, allow_literal=True) == mailbox
        assert len(mailbox.address.encode()) <= 254


@pytest.mark.parametrize(
    ("local_part", "base", "tag"),
    [
        ("support", "support", None),
        ("support+TICKET-1", "support", "TICKET-1"),
        ("support+a+b", "support", "a+b"),
        ("support+", "support", ""),
        ("+a", "+a", None),
    ],
)
def test_the_tag_begins_at_the_first_plus(local_part: str, base: str, tag: str | None) -> None:
    assert split_tag(local_part) == (base, tag)
