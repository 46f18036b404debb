"""Which result a signature gets. All signatures in here are valid but for what the test names."""

import pytest

from fastsmtp.mail import dkim
from fastsmtp.mail.dkim import Signature
from fastsmtp.mail.tests.signing import (
    KEY_NAME,
    MAIL,
    NOW,
    Zone,
    ed25519_key,
    publish,
    sign,
)

BODY_LENGTH = len(b"Dear Bob,\r\n\r\n it turns.\r\n")


def verify(raw: bytes, record: bytes | None = None) -> list[Signature]:
    return dkim.verify(raw, Zone({KEY_NAME: [record or publish()]}), now=NOW)


def outcome(raw: bytes, record: bytes | None = None) -> tuple[str, str]:
    (signature,) = verify(raw, record)
    return signature.result, signature.reason


def test_a_message_without_signatures_has_none() -> None:
    assert verify(MAIL) == []


@pytest.mark.parametrize("body", ["simple", "relaxed"])
@pytest.mark.parametrize("header", ["simple", "relaxed"])
def test_rsa_passes(header: str, body: str) -> None:
    assert verify(sign(MAIL, c=f"{header}/{body}")) == [
        Signature(
            result="pass", domain="example.org", selector="s1", algorithm="rsa-sha256",
            key_bits=2048,
        )
    ]  # fmt: skip


@pytest.mark.parametrize("body", ["simple", "relaxed"])
@pytest.mark.parametrize("header", ["simple", "relaxed"])
def test_ed25519_passes(header: str, body: str) -> None:
    raw = sign(MAIL, ed25519_key(), c=f"{header}/{body}")
    assert verify(raw, publish(ed25519_key())) == [
        Signature(
            result="pass", domain="example.org", selector="s1", algorithm="ed25519-sha256",
            key_bits=256,
        )
    ]  # fmt: skip


def test_simple_is_the_default() -> None:
    assert outcome(sign(MAIL, c=None)) == ("pass", "")
    assert outcome(sign(MAIL, c="relaxed")) == ("pass", "")


def test_a_message_without_a_body_passes() -> None:
    head = MAIL.partition(b"\r\n\r\n")[0]
    assert outcome(sign(head)) == ("pass", "")
    assert outcome(sign(head + b"\r\n\r\n", c="simple/simple")) == ("pass", "")


def test_a_changed_body_fails() -> None:
    assert outcome(sign(MAIL) + b"PS\r\n") == ("fail", "the body is not what was signed")


@pytest.mark.parametrize(
    "raw",
    [
        sign(MAIL).replace(b"Subject: Cogs", b"Subject: Dogs"),
        sign(MAIL).replace(b"Subject: Cogs\r\n and wheels \r\n", b""),
        sign(MAIL).replace(b"v=1;", b"v=1; z=x;"),
        sign(MAIL, ed25519_key(), a="rsa-sha256"),
    ],
)
def test_a_changed_header_or_another_key_fails(raw: bytes) -> None:
    assert outcome(raw) == ("fail", "the header or the key is not what was signed")


def test_every_signature_is_evaluated_in_order() -> None:
    raw = sign(sign(sign(MAIL), d="other.example"), s="gone")
    zone = Zone({KEY_NAME: [publish()], "s1._domainkey.other.example": [publish()]})
    signatures = dkim.verify(raw, zone, now=NOW)
    assert [(s.selector, s.domain, s.result) for s in signatures] == [
        ("gone", "example.org", "permerror"),
        ("s1", "other.example", "pass"),
        ("s1", "example.org", "pass"),
    ]


def test_at_most_ten_signatures_are_evaluated() -> None:
    field = sign(MAIL).removesuffix(MAIL)
    assert [s.result for s in verify(field * 300 + MAIL)] == ["pass"] * 10
    # The header is too long now.
    assert [s.result for s in verify(field * 10_000 + MAIL)] == ["permerror"] * 10


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({"a": "rsa-sha1"}, "SHA-1 proves nothing any more"),
        ({"a": "rsa-sha512"}, "the algorithm is unknown"),
        ({"a": "\u00fc"}, "the algorithm is unknown"),
        ({"v": "2"}, "the version is unknown"),
        ({"v": None}, "the tag v= is missing"),
        ({"bh": None}, "the tag bh= is missing"),
        ({"s": None}, "the tag s= is missing"),
        ({"q": "http"}, "the query method is unknown"),
        ({"c": "strict"}, "the canonicalization is unknown"),
        ({"c": "simple/strict"}, "the canonicalization is unknown"),
        ({"c": "simple/simple/simple"}, "the canonicalization is unknown"),
        ({"bh": "*"}, "the signature is not base64"),
        ({"bh": "YQ"}, "the signature is not base64"),
        ({"d": "exa mple.org"}, "d= is not a domain name"),
        ({"d": "example.org(.other.example"}, "d= is not a domain name"),
        ({"d": ""}, "d= is not a domain name"),
        ({"s": ".."}, "s= is not a domain name"),
        ({"s": "a." * 60_000 + "a"}, "s= is not a domain name"),
        ({"s": "a." * 120 + "a"}, "the name of the key is too long"),
        ({"i": "@other.example"}, "i= is not within d="),
        ({"i": "@badexample.org"}, "i= is not within d="),
        ({"i": "@org"}, "i= is not within d="),
        ({"i": "\xff@"}, "i= is not a domain name"),
        ({"h": "to:subject"}, "From is not signed"),
        ({"h": ""}, "From is not signed"),
        ({"l": "-1"}, "l= is not a number"),
        ({"l": "9" * 77}, "l= is not a number"),
        ({"l": str(BODY_LENGTH + 1)}, "l= is longer than the body"),
        ({"t": "today"}, "t= is not a number"),
        ({"t": "20", "x": "10"}, "the signature expires before it was made"),
        ({"v": "1; v=1"}, "the tag list is malformed"),
        ({"v": "1; nonsense"}, "the tag list is malformed"),
        ({"v": "1; =1"}, "the tag list is malformed"),
    ],
)
def test_what_cannot_be_verified_is_a_permanent_error(
    tags: dict[str, str | None], reason: str
) -> None:
    # dkimpy, which signs, does not know every canonicalization that we must refuse.
    canonicalization = tags.get("c")
    raw = sign(MAIL, **({**tags, "c": "simple"} if canonicalization else tags))
    if canonicalization:
        raw = raw.replace(b"c=simple", b"c=" + canonicalization.encode())
    assert outcome(raw) == ("permerror", reason)


def test_what_is_shown_of_a_broken_signature_is_well_formed() -> None:
    (signature,) = verify(sign(MAIL, a="rsa\x01", s="s 1"))
    assert (signature.algorithm, signature.domain, signature.selector) == ("", "example.org", "")


def test_names_are_shown_in_lower_case_and_a_labels() -> None:
    raw = sign(MAIL, d="B\u00fccher.Example", s="S1", i="ada@shop.xn--bcher-kva.example")
    zone = Zone({"s1._domainkey.xn--bcher-kva.example": [publish()]})
    (signature,) = dkim.verify(raw, zone, now=NOW)
    assert (signature.result, signature.domain) == ("pass", "xn--bcher-kva.example")


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"x": str(NOW - 3600)}, ("pass", "")),
        ({"x": str(NOW - 3601)}, ("policy", "the signature has expired")),
        ({"t": str(NOW + 3600)}, ("pass", "")),
        ({"t": str(NOW + 3601)}, ("policy", "the signature was made in the future")),
        ({"t": "9" * 76}, ("policy", "the signature was made in the future")),
    ],
)
def test_times_may_be_off_by_an_hour(tags: dict[str, str], expected: tuple[str, str]) -> None:
    assert outcome(sign(MAIL, **tags)) == expected


def test_a_length_that_leaves_out_a_part_of_the_body_is_policy() -> None:
    assert outcome(sign(MAIL, l=str(BODY_LENGTH))) == ("pass", "")
    assert outcome(sign(MAIL, l=str(BODY_LENGTH)) + b"PS\r\n") == (
        "policy",
        "only 25 of 33 octets of the body are signed",
    )
    assert outcome(sign(MAIL, l="0"))[0] == "policy"


def test_a_length_does_not_hide_a_failure() -> None:
    raw = sign(MAIL, l="4").replace(b"Dear", b"Fear")
    assert outcome(raw) == ("fail", "the body is not what was signed")


@pytest.mark.parametrize(
    "names", ["from:to", "from:from:to", "from:from:from:to"], ids=["once", "twice", "thrice"]
)
def test_a_doubled_from_never_passes(names: str) -> None:
    doubled = b"From: mallory@example.net\r\n" + MAIL
    assert outcome(sign(doubled, h=names)) == ("policy", "there are 2 fields named from")
    added_later = b"FROM : mallory@example.net\r\n" + sign(MAIL, h=names)
    assert outcome(added_later)[0] == ("policy" if names == "from:to" else "fail")


@pytest.mark.parametrize("name", ["Subject", "To", "Date", "Message-ID", "Content-Type"])
def test_a_second_field_that_is_not_signed_is_policy(name: str) -> None:
    raw = sign(f"{name}: original\r\nFrom: ada@example.org\r\n\r\n".encode(), h=f"from:{name}")
    expected = ("policy", f"there are 2 fields named {name.lower()}")
    assert outcome(f"{name}: added\r\n".encode() + raw) == expected


def test_a_second_field_that_is_signed_or_that_no_signature_covers_does_not_matter() -> None:
    doubled = b"Subject: second\r\n" + MAIL
    assert outcome(sign(doubled, h="from:subject:subject")) == ("pass", "")
    assert outcome(sign(doubled, h="from")) == ("pass", "")


def test_a_message_without_from_never_passes() -> None:
    raw = MAIL.replace(b"From: Ada <ada@example.org>\r\n", b"")
    assert outcome(sign(raw)) == ("permerror", "the message has no From")


@pytest.mark.parametrize("junk", [b"no field\r\n", b"\n\r\n", b"--a\r\n", b"X: x\r\n" * 50_000])
def test_a_malformed_header_is_a_permanent_error(junk: bytes) -> None:
    head, empty_line, body = sign(MAIL).partition(b"\r\n\r\n")
    assert outcome(head + b"\r\n" + junk + empty_line + body) == (
        "permerror",
        "the header of the message is malformed",
    )


def test_a_bare_carriage_return_is_part_of_its_field() -> None:
    raw = MAIL.replace(b"Cogs", b"Cogs\rFrom: mallory@example.net")
    assert outcome(sign(raw)) == ("pass", "")
    assert outcome(sign(MAIL).replace(b"Cogs", b"Cogs\rX: y"))[0] == "fail"


def test_the_signature_may_be_folded_anywhere() -> None:
    field, _, rest = sign(MAIL, c="simple").partition(b"\r\n")
    head, signature = field[:-40], field[-40:]
    raw = head + b"\r\n\t" + b" ".join(signature[i : i + 8] for i in range(0, 40, 8))
    assert outcome(raw + b" ;\r\n" + rest)[0] == "fail"  # what follows b= is signed
    assert outcome(raw + b" \r\n" + rest) == ("pass", "")


def test_the_key_of_a_subdomain_is_that_of_its_domain() -> None:
    raw = sign(MAIL, i="ada@mail.example.org")
    assert outcome(raw) == ("pass", "")
    assert outcome(raw, publish(t="s")) == ("permerror", "the key is not for subdomains")
    assert outcome(sign(MAIL, i="ada@example.org"), publish(t="s")) == ("pass", "")


def test_a_domain_that_is_testing_has_neither_success_nor_failure() -> None:
    expected = ("neutral", "the domain is only testing DKIM")
    assert outcome(sign(MAIL), publish(t="s:Y")) == expected
    assert outcome(sign(MAIL) + b"PS\r\n", publish(t="y")) == expected
