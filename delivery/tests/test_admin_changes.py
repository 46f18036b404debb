"""What the admin changes goes through the model's validation and the queue."""

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import DirectoryVersion, Domain, User
from delivery.models import Endpoint, Recipient
from delivery.tests.records import URL, create_endpoint
from fastsmtp.masking import MASK

pytestmark = pytest.mark.django_db


# Of the form inside the page of a domain.
NO_MEMBERS = {"memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0"}


@pytest.fixture
def domain() -> Domain:
    return Domain.objects.create(domain_name="example.com")


@pytest.fixture
def recipient(domain: Domain) -> Recipient:
    return Recipient.objects.create(
        domain=domain,
        local_part="support",
        webhook_url=URL,
        webhook_headers={"X-Key": "s3cret", "X-Team": "ops"},
    )


def _form(**changes: Any) -> dict[str, Any]:
    form = {
        "local_part": "support",
        "webhook_url": URL,
        "webhook_headers": "{}",
        "is_enabled": "on",
    }
    return form | changes


def _save(browser: Client, recipient: Recipient, **changes: Any) -> Any:
    page = reverse("admin:delivery_recipient_change", args=[recipient.pk])
    return browser.post(page, _form(**changes), follow=True)


def test_a_domain_is_created_normalized(browser: Client) -> None:
    browser.post(
        reverse("admin:accounts_domain_add"),
        {"domain_name": "Bücher.Example", "is_enabled": "on", **NO_MEMBERS},
    )
    assert Domain.objects.get().domain_name == "xn--bcher-kva.example"


def test_a_recipient_is_created(browser: Client, domain: Domain) -> None:
    before = DirectoryVersion.current()
    browser.post(reverse("admin:delivery_recipient_add"), _form(domain=domain.pk, local_part="*"))
    assert Recipient.objects.get().is_catch_all
    assert DirectoryVersion.current() > before


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("webhook_url", "http://10.0.0.1/", "10.0.0.1"),
        ("local_part", "a b", "not well-formed"),
        ("webhook_headers", "[1]", "must be an object"),
        ("webhook_headers", "{", "valid JSON"),
        ("webhook_headers", '{"Host": "x"}', "set by FastSMTP"),
        ("webhook_headers", json.dumps({"X-New": MASK}), "no value is stored"),
    ],
)
def test_a_value_that_is_refused(
    browser: Client, recipient: Recipient, field: str, value: str, words: str
) -> None:
    response = _save(browser, recipient, **{field: value})
    assert words in response.content.decode()
    before = Recipient.objects.get()
    assert getattr(before, field) == getattr(recipient, field)


def test_an_address_that_exists_already(
    browser: Client, recipient: Recipient, domain: Domain
) -> None:
    words = "support@example.com exists already"
    page = reverse("admin:delivery_recipient_add")
    assert words in browser.post(page, _form(domain=domain.pk)).content.decode()
    other = Recipient.objects.create(domain=domain, local_part="other", webhook_url=URL)
    assert words in _save(browser, other).content.decode()
    assert set(Recipient.objects.values_list("local_part", flat=True)) == {"support", "other"}


def test_a_mask_keeps_the_stored_value(browser: Client, recipient: Recipient) -> None:
    _save(browser, recipient, webhook_headers=json.dumps({"X-Key": MASK, "X-New": "1"}))
    assert Recipient.objects.get().webhook_headers == {"X-Key": "s3cret", "X-New": "1"}


def test_a_name_that_does_not_resolve_yet_is_saved_with_a_warning(
    browser: Client, recipient: Recipient
) -> None:
    response = _save(browser, recipient, webhook_url="https://later.invalid/")
    assert "later.invalid does not resolve yet" in response.content.decode()
    assert Recipient.objects.get().webhook_url == "https://later.invalid/"


def test_an_archive_without_a_bucket_is_saved_with_a_warning(browser: Client) -> None:
    form = {
        "domain_name": "example.net",
        "is_enabled": "on",
        "preserve_raw_message": "true",
        "memberships-TOTAL_FORMS": "0",
        "memberships-INITIAL_FORMS": "0",
    }
    for name in ("verify_dkim", "verify_spf", "reject_dkim_fail", "reject_spf_fail"):
        form[name] = "unknown"
    response = browser.post(reverse("admin:accounts_domain_add"), form, follow=True)
    assert "until FASTSMTP_S3_BUCKET is set" in response.content.decode()
    assert Domain.objects.get().preserve_raw_message is True


def test_a_recipient_stays_in_its_domain(
    browser: Client, recipient: Recipient, domain: Domain
) -> None:
    other = Domain.objects.create(domain_name="example.net")
    _save(browser, recipient, domain=other.pk)
    assert Recipient.objects.get().domain == domain


def _save_endpoint(browser: Client, endpoint: Endpoint, **changes: str) -> Any:
    page = reverse("admin:delivery_endpoint_change", args=[endpoint.pk])
    form = {
        "mode": "json",
        "concurrency": "32",
        "timeout_seconds": "",
        "max_body_bytes": "",
        "lane-TOTAL_FORMS": "0",
        "lane-INITIAL_FORMS": "0",
    }
    return browser.post(page, form | changes)


def test_an_endpoint_is_configured(browser: Client, domain: Domain) -> None:
    endpoint = create_endpoint(domain)
    secret = endpoint.secret
    _save_endpoint(
        browser,
        endpoint,
        mode="multipart",
        max_body_bytes="1000000",
        concurrency="4",
        timeout_seconds="10",
    )
    endpoint.refresh_from_db()
    assert (endpoint.mode, endpoint.max_body_bytes) == ("multipart", 1_000_000)
    assert (endpoint.concurrency, endpoint.timeout_seconds) == (4, 10)
    assert (endpoint.secret, endpoint.url) == (secret, URL)
    _save_endpoint(browser, endpoint)
    endpoint.refresh_from_db()
    assert (endpoint.mode, endpoint.max_body_bytes) == ("json", None)


@pytest.mark.parametrize(
    ("field", "value"),
    [("mode", "xml"), ("max_body_bytes", "-1"), ("max_body_bytes", "10"), ("concurrency", "0")],
)
def test_a_value_that_an_endpoint_refuses(
    browser: Client, domain: Domain, field: str, value: str
) -> None:
    endpoint = create_endpoint(domain)
    assert _save_endpoint(browser, endpoint, **{field: value}).status_code == 200
    assert getattr(Endpoint.objects.get(), field) == getattr(endpoint, field)


POLICIES = [
    "verify_dkim",
    "verify_spf",
    "reject_dkim_fail",
    "reject_spf_fail",
    "preserve_raw_message",
]


@pytest.mark.parametrize(("value", "kept"), [("true", True), ("false", False), ("unknown", None)])
@pytest.mark.parametrize("policy", POLICIES)
def test_a_policy_of_a_domain(
    browser: Client, domain: Domain, policy: str, value: str, kept: bool | None
) -> None:
    Domain.objects.update(**{policy: not kept})
    page = reverse("admin:accounts_domain_change", args=[domain.pk])
    browser.post(page, {"is_enabled": "on", policy: value, **NO_MEMBERS})
    others = dict.fromkeys(POLICIES)
    stored = Domain.objects.values(*POLICIES).get()
    assert stored == {**others, policy: kept}


def test_nobody_deletes_or_demotes_themselves(browser: Client) -> None:
    alice = User.objects.get()
    browser.post(reverse("admin:accounts_user_delete", args=[alice.pk]), {"post": "yes"})
    browser.post(reverse("admin:accounts_user_change", args=[alice.pk]), {"username": "alice"})
    alice.refresh_from_db()
    assert alice.is_superuser
    assert alice.is_active


def test_a_superuser_made_here_can_sign_in(browser: Client) -> None:
    form = {
        "username": "carol",
        "is_superuser": "on",
        "usable_password": "true",
        "password1": "correct horse 9",
        "password2": "correct horse 9",
    }
    browser.post(reverse("admin:accounts_user_add"), form)
    assert User.objects.get(username="carol").is_superuser
    assert Client().login(username="carol", password="correct horse 9")
