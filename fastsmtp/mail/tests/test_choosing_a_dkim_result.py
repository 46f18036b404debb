import pytest

from fastsmtp.mail.dkim import Signature, choose, is_aligned
from fastsmtp.mail.dkim_tags import Result


def signature(result: Result, domain: str = "example.net") -> Signature:
    return Signature(result=result, domain=domain)


def test_without_signatures_it_is_none() -> None:
    assert choose([], "example.org") == Signature(result="none")


def test_a_pass_of_the_author_comes_first() -> None:
    signatures = [
        signature("fail", "example.org"),
        signature("pass", "relay.example"),
        signature("pass", "mail.example.org"),
    ]
    assert choose(signatures, "Example.org") is signatures[2]
    assert choose(signatures, "other.example") is signatures[1]


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ("pass", "temperror"),
        ("temperror", "policy"),
        ("policy", "neutral"),
        ("neutral", "fail"),
        ("fail", "permerror"),
    ],
)
def test_what_is_shown_of_two(better: Result, worse: Result) -> None:
    signatures = [signature(worse, "example.org"), signature(better)]
    assert choose(signatures, "example.org") is signatures[1]


def test_of_equals_the_author_counts_and_then_the_first() -> None:
    signatures = [signature("fail", "a.example"), signature("fail", "b.example")]
    assert choose(signatures, "b.example") is signatures[1]
    assert choose(signatures, "") is signatures[0]


@pytest.mark.parametrize(
    ("domain", "from_domain", "expected"),
    [
        ("example.org", "EXAMPLE.org", True),
        ("mail.example.org", "example.org", True),
        ("example.org", "mail.example.org", True),
        ("xn--bcher-kva.example", "b\u00fccher.example", True),
        ("badexample.org", "example.org", False),
        ("a.example.org", "b.example.org", False),
        ("", "", False),
        ("", "example.org", False),
        ("example.org", "", False),
    ],
)
def test_alignment(domain: str, from_domain: str, expected: bool) -> None:
    assert is_aligned(domain, from_domain) is expected
