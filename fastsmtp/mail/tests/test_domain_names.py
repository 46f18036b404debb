import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastsmtp.mail.address import normalize_domain


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("example.com", "example.com"),
        ("Mail.EXAMPLE.com.", "mail.example.com"),
        ("localhost", "localhost"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("bu\u0308cher.example", "xn--bcher-kva.example"),
        ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
        ("straße.example", "xn--strae-oqa.example"),
        ("例え。example", "xn--r8jz45g.example"),
        ("a--b.example", "a--b.example"),
        ("r3---sn.example", "r3---sn.example"),
        ("1.example", "1.example"),
        ("a" * 63 + ".example", "a" * 63 + ".example"),
        (".".join(["a" * 62] * 4) + ".", ".".join(["a" * 62] * 4)),
    ],
)
def test_a_domain_has_one_form(text: str, domain: str) -> None:
    assert normalize_domain(text) == domain
    assert normalize_domain(domain) == domain


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        (".", "empty"),
        ("..", "empty label"),
        ("example..com", "empty label"),
        (".example.com", "empty label"),
        ("a" * 64 + ".com", "63"),
        (".".join(["a" * 62] * 4) + ".bc", "253"),
        ("ü" * 200, "international|63|253"),
        ("exam ple.com", "letters"),
        ("exam_ple.com", "letters"),
        ("example.com\n", "letters"),
        ("example.com\0", "letters"),
        ("-a.example", "letters"),
        ("a-.example", "letters"),
        ("a@example.com", "letters"),
        ("[192.0.2.1]", "letters"),
        ("*.example.com", "letters"),
        ("xn--a.example", "international"),
        ("bü cher.example", "international"),
        ("\u200d.example", "international"),
        ("\ud800.example", "international"),
    ],
)
def test_what_is_no_domain_is_refused_with_a_sentence(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=rf"^(The|A) .*({reason}).*\.$"):
        normalize_domain(text)


@given(st.text(max_size=300))
def test_a_normalized_domain_stays_as_it_is(text: str) -> None:
    try:
        domain = normalize_domain(text)
    except ValueError:
        return
    assert normalize_domain(domain) == domain == domain.lower()
    assert domain.isascii()
    assert len(domain) <= 253
