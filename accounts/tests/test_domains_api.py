"""`/domains`: in the published shape, and with one refusal for each kind of bad input."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from accounts.models import DirectoryVersion, Domain
from fastsmtp.api.tests.caller import errors, get, post
from fastsmtp.config import config

pytestmark = pytest.mark.django_db


def test_create() -> None:
    response = post("/domains", {"domain_name": "Example.COM", "verify_dkim": False})
    assert response.status_code == 201
    body = response.json()
    domain = Domain.objects.get()
    assert uuid.UUID(body.pop("id")) == domain.id
    assert body.pop("created_at")
    assert body.pop("updated_at")
    assert body == {
        "domain_name": "example.com",
        "is_enabled": True,
        "verify_dkim": False,
        "verify_spf": None,
        "reject_dkim_fail": None,
        "reject_spf_fail": None,
        "preserve_raw_message": None,
    }


def test_what_was_created_is_listed() -> None:
    created = post("/domains", {"domain_name": "example.com"}).json()
    assert get("/domains").json() == [created]


def test_the_directory_notices() -> None:
    before = DirectoryVersion.current()
    post("/domains", {"domain_name": "example.com"})
    assert DirectoryVersion.current() > before


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("Bücher.example", "xn--bcher-kva.example"),
        ("example.com.", "example.com"),
        (" example.com ", "example.com"),
        ("localhost", "localhost"),
    ],
)
def test_names_are_normalized(given: Any, stored: str) -> None:
    assert post("/domains", {"domain_name": given}).json()["domain_name"] == stored


def test_unknown_fields_and_those_of_ours_are_ignored() -> None:
    body = {
        "domain_name": "example.com",
        "description": "x",
        "tags": ["a"],
        "id": "1",
        "created_at": "never",
    }
    assert post("/domains", body).status_code == 201


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("domain_name", None, "null"),
        ("domain_name", "", "blank"),
        ("domain_name", "a\0b", "null_characters_not_allowed"),
        ("domain_name", "a" * 64 + ".example", "invalid_domain"),
        ("domain_name", "a." * 200 + "example", "invalid_domain"),
        ("domain_name", "exa mple.com", "invalid_domain"),
        ("domain_name", "-a.example", "invalid_domain"),
        ("domain_name", "user@example.com", "invalid_domain"),
        ("domain_name", ["example.com"], "invalid"),
        ("domain_name", {"a": 1}, "invalid"),
        ("domain_name", True, "invalid"),
        ("verify_dkim", "perhaps", "invalid"),
        ("verify_dkim", [], "invalid"),
        ("verify_spf", {}, "invalid"),
        ("is_enabled", None, "null"),
        ("is_enabled", 7, "invalid"),
    ],
)
def test_a_value_that_is_refused(field: str, value: Any, code: str) -> None:
    response = post("/domains", {"domain_name": "example.com", field: value})
    assert response.status_code == 422
    assert errors(response) == {f"/{field}": code}
    assert not Domain.objects.exists()


def test_a_name_is_required() -> None:
    assert errors(post("/domains", {})) == {"/domain_name": "required"}


@pytest.mark.parametrize("name", ["example.com", "EXAMPLE.com", "example.com."])
def test_a_duplicate_is_a_conflict(name: str) -> None:
    Domain.objects.create(domain_name="example.com")
    response = post("/domains", {"domain_name": name})
    assert response.status_code == 409
    assert errors(response) == {"/domain_name": "unique"}
    assert Domain.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_several_at_once_one_wins() -> None:
    count = 4
    start = Barrier(count)

    def create(_: Any) -> Any:
        start.wait()
        try:
            return post("/domains", {"domain_name": "example.com"}).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as threads:
        statuses = sorted(threads.map(create, range(count)))
    assert statuses == [201, *[409] * (count - 1)]


def test_search() -> None:
    for name in ("example.com", "example.net", "other.org"):
        Domain.objects.create(domain_name=name)
    found = [domain["domain_name"] for domain in get("/domains?search=EXAMPLE").json()]
    assert found == ["example.com", "example.net"]
    assert get("/domains?search=%00").status_code == 422


def test_a_list_costs_the_same_however_long(django_assert_num_queries: Any) -> None:
    Domain.objects.bulk_create(Domain(domain_name=f"d{n}.example") for n in range(20))
    with django_assert_num_queries(1):
        assert len(get("/domains").json()) == 20


def test_an_archive_without_a_bucket_is_accepted_with_a_warning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    response = post("/domains", {"domain_name": "example.com", "preserve_raw_message": True})
    assert response.status_code == 201
    assert "FASTSMTP_S3_BUCKET" in response.json()["warnings"][0]
    monkeypatch.setattr(config(), "s3_bucket", "mails")
    response = post("/domains", {"domain_name": "example.net", "preserve_raw_message": True})
    assert "warnings" not in response.json()
