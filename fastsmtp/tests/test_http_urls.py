"""Saving a URL says at once what is wrong with it."""

import pytest

from fastsmtp.http import AddressNotAllowed, AddressPolicy, check_url
from fastsmtp.tests.http_receiver import LOOPBACK, NOTHING_INTERNAL


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("", "must begin with http:// or https://"),
        ("hook.example/x", "must begin with http:// or https://"),
        ("//hook.example/x", "must begin with http:// or https://"),
        ("ftp://hook.example/", "must begin with http:// or https://"),
        ("file:///etc/passwd", "must begin with http:// or https://"),
        ("ws://hook.example/", "must begin with http:// or https://"),
        ("http:///x", "neither a host name nor an IP address"),
        ("http://", "neither a host name nor an IP address"),
        ("http://hook..example/", "neither a host name nor an IP address"),
        ("http://localhost../", "neither a host name nor an IP address"),
        ("http://*.example/", "neither a host name nor an IP address"),
        ("http://127%2e0.0.1/", "neither a host name nor an IP address"),
        (f"http://{'x' * 64}.example/", "neither a host name nor an IP address"),
        (f"http://{'x.' * 127}example/", "neither a host name nor an IP address"),
        ("http://ho ok.example/", "spaces or control characters"),
        ("http://hook.example/a b", "spaces or control characters"),
        ("http://hook.exa\tmple/", "spaces or control characters"),
        ("http://hook.example/\r\nX: y", "spaces or control characters"),
        ("http://hook.example/\x00", "spaces or control characters"),
        ("http://hook.example\u200b/", "spaces or control characters"),
        ("http://user@hook.example/", "user name or password"),
        ("http://user:secret@hook.example/", "user name or password"),
        ("http://:@hook.example/", "user name or password"),
        ("http://hook.example/#part", "fragment"),
        ("http://hook.example/#", "fragment"),
        ("http://hook.example:0/", "between 1 and 65535"),
        ("http://hook.example:65536/", "this is not a URL"),
        ("http://hook.example:http/", "this is not a URL"),
        ("http://hook.example\\@127.0.0.1/", "this is not a URL"),
        ("http://[::1/", "this is not a URL"),
        ("http://[fe80::1%25lo]/", "must not name a network interface"),
        ("http://[fe80::1%lo]/", "must not name a network interface"),
    ],
)
def test_what_is_not_a_usable_url_is_a_value_error(url: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as caught:
        check_url(url, NOTHING_INTERNAL)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1/", "https://10.0.0.1:8443/x", "http://[::1]/", "http://localhost/"],
)
def test_an_internal_address_is_refused(url: str) -> None:
    with pytest.raises(AddressNotAllowed, match="FASTSMTP_WEBHOOK_ALLOWED_INTERNAL_DOMAINS"):
        check_url(url, NOTHING_INTERNAL)


@pytest.mark.parametrize(
    "url",
    [
        "http://1.1.1.1",
        "https://1.1.1.1:8443/hook?token=%2B",
        "http://[2606:4700:4700::1111]/",
        "HTTP://1.1.1.1/ä?ö=ü",
        "http://127.0.0.1:5678/webhook",
    ],
)
def test_an_allowed_address_needs_no_warning(url: str) -> None:
    assert check_url(url, LOOPBACK) is None


def test_a_listed_name_needs_no_warning() -> None:
    assert check_url("http://localhost:5678/", AddressPolicy.parse(["localhost"], [])) is None


def test_our_own_port_is_refused() -> None:
    policy = AddressPolicy.parse(["localhost", "127.0.0.0/8"], [8000])
    for url in ("http://localhost:8000/", "http://127.0.0.1:8000/"):
        with pytest.raises(AddressNotAllowed, match="belongs to FastSMTP"):
            check_url(url, policy)


def test_a_name_that_does_not_resolve_yet_is_a_warning() -> None:
    # RFC 6761 §6.4: never exists.
    warning = check_url("https://hook.invalid/x", NOTHING_INTERNAL)
    assert warning == "hook.invalid does not resolve yet"
