"""What a recipient may be: one per local part, with headers and a URL that may be used."""

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError

from accounts.models import Domain
from delivery.models import Recipient
from delivery.tests.records import URL

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]


def _clean(domain: Domain, **fields: object) -> Recipient:
    recipient = Recipient(domain=domain, **{"webhook_url": URL, "local_part": "support", **fields})
    recipient.full_clean()
    return recipient


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("support", "support"),
        ("  Support ", "support"),
        ("JOSÉ", "josé"),
        ('"two words"', "two words"),
        ("a+b", "a+b"),
        ("*", ""),
        (" * ", ""),
    ],
)
def test_the_local_part_is_normalized(domain: Domain, typed: str, stored: str) -> None:
    assert _clean(domain, local_part=typed).local_part == stored


def test_without_a_local_part_it_is_the_catch_all(domain: Domain) -> None:
    recipient = Recipient(domain=domain, webhook_url=URL)
    recipient.full_clean()
    assert recipient.is_catch_all
    assert recipient.address == "*@example.com"


@pytest.mark.parametrize("typed", ["two words", "a@b", "a..b", ".a", "a\x00b", "x" * 65, "é" * 33])
def test_what_is_no_local_part_is_refused(domain: Domain, typed: str) -> None:
    with pytest.raises(ValidationError) as caught:
        _clean(domain, local_part=typed)
    assert list(caught.value.message_dict) == ["local_part"]


@pytest.mark.parametrize("local_part", ["support", ""])
def test_one_per_local_part(domain: Domain, local_part: str) -> None:
    Recipient.objects.create(domain=domain, local_part=local_part, webhook_url=URL)
    with pytest.raises(ValidationError):
        _clean(domain, local_part=local_part.upper() or "*")
    with pytest.raises(IntegrityError):
        Recipient.objects.create(domain=domain, local_part=local_part, webhook_url=URL)


def test_another_domain_may_have_the_same_local_part(domain: Domain, recipient: Recipient) -> None:
    other = Domain.objects.create(domain_name="example.org")
    assert _clean(other, local_part=recipient.local_part).address == "support@example.org"


def test_headers_of_a_receiver_that_wants_a_key(domain: Domain) -> None:
    headers = {"Authorization": "Bearer a b c", "X-Team": "ops", "x!#$%&'*+-.^_`|~9": "~"}
    assert _clean(domain, webhook_headers=headers).webhook_headers == headers


@pytest.mark.parametrize(
    "headers",
    [
        ["X-Key", "secret"],
        "X-Key: secret",
        {"": "secret"},
        {"X Key": "secret"},
        {"X-Key:": "secret"},
        {"X-Kéy": "secret"},
        {"X-Key": ""},
        {"X-Key": " secret"},
        {"X-Key": "secret "},
        {"X-Key": "sec\r\nret: 1"},
        {"X-Key": "sécret"},
        {"X-Key": 1},
        {"X-Key": None},
    ],
)
def test_headers_that_http_does_not_allow(domain: Domain, headers: object) -> None:
    with pytest.raises(ValidationError) as caught:
        _clean(domain, webhook_headers=headers)
    assert list(caught.value.message_dict) == ["webhook_headers"]


@pytest.mark.parametrize(
    "name",
    [
        "Host",
        "CONTENT-TYPE",
        "content-length",
        "Transfer-Encoding",
        "Connection",
        "User-Agent",
        "webhook-id",
        "Webhook-Signature",
        "webhook-timestamp",
        "X-Idempotency-Key",
        "FastSMTP-Attempt",
        "fastsmtp-event",
        "fastsmtp-message",
    ],
)
def test_our_own_headers_cannot_be_set(domain: Domain, name: str) -> None:
    with pytest.raises(ValidationError, match="is set by FastSMTP"):
        _clean(domain, webhook_headers={name: "x"})


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.1/hook",
        "http://169.254.169.254/latest/meta-data",
        "http://[::ffff:10.0.0.1]/",
        "http://0.0.0.0/",
    ],
)
def test_an_address_inside_is_refused(domain: Domain, url: str) -> None:
    with pytest.raises(ValidationError) as caught:
        _clean(domain, webhook_url=url)
    assert [error.code for error in caught.value.error_dict["webhook_url"]] == [
        "address_not_allowed"
    ]


@pytest.mark.parametrize(
    "url", ["ftp://example.com/", "/hook", "http://", "http://user:pw@127.0.0.1/", "http://127.1/"]
)
def test_what_is_no_webhook_url_is_refused(domain: Domain, url: str) -> None:
    with pytest.raises(ValidationError) as caught:
        _clean(domain, webhook_url=url)
    assert [error.code for error in caught.value.error_dict["webhook_url"]] == ["invalid_url"]


def test_without_a_url_it_is_refused(domain: Domain) -> None:
    with pytest.raises(ValidationError, match="cannot be blank"):
        _clean(domain, webhook_url="")


def test_a_name_that_does_not_resolve_yet_is_accepted_with_a_warning(domain: Domain) -> None:
    recipient = _clean(domain, webhook_url="https://no-such-name.invalid/hook")
    assert list(recipient.warnings) == ["no-such-name.invalid does not resolve yet"]
    recipient.webhook_url = URL
    recipient.full_clean()
    assert list(recipient.warnings) == []
