"""`/domains/{id}/recipients`: in the published shape, with secrets that stay inside."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Domain
from delivery.models import Endpoint, Recipient
from delivery.models.endpoint import hash_url
from fastsmtp.api.tests.caller import errors, get, post
from fastsmtp.ids import uuid7
from fastsmtp.masking import MASK

pytestmark = pytest.mark.django_db

URL = "http://127.0.0.1:9/webhook"


@pytest.fixture
def domain() -> Any:
    return Domain.objects.create(domain_name="example.com")


@pytest.fixture
def path(domain: Domain) -> Any:
    return f"/domains/{domain.id}/recipients"


def test_create(domain: Domain, path: str) -> None:
    response = post(path, {"local_part": "Support", "webhook_url": URL})
    assert response.status_code == 201
    body = response.json()
    recipient = Recipient.objects.get()
    assert body.pop("id") == str(recipient.id)
    assert body.pop("created_at")
    assert body.pop("updated_at")
    assert body == {
        "domain_id": str(domain.id),
        "local_part": "support",
        "webhook_url": URL,
        "webhook_headers": {},
        "is_enabled": True,
        "endpoint_id": None,
    }


@pytest.mark.parametrize("given", [{"local_part": text} for text in (None, "", "*")] + [{}])
def test_a_catch_all_is_null(path: str, given: Any) -> None:
    assert post(path, {**given, "webhook_url": URL}).json()["local_part"] is None
    assert Recipient.objects.get().is_catch_all


def test_a_quoted_local_part_is_stored_as_senders_mean_it(path: str) -> None:
    body = post(path, {"local_part": '"front desk"', "webhook_url": URL}).json()
    assert body["local_part"] == "front desk"


def test_header_values_are_masked(path: str) -> None:
    headers = {"Authorization": "Bearer secret-value", "X-Team": "ops"}
    response = post(path, {"webhook_url": URL, "webhook_headers": headers})
    assert response.json()["webhook_headers"] == {"Authorization": MASK, "X-Team": MASK}
    assert b"secret-value" not in response.content + get(path).content
    assert Recipient.objects.get().webhook_headers == headers


def test_a_mask_has_nothing_to_keep_when_nothing_is_stored(path: str) -> None:
    response = post(path, {"webhook_url": URL, "webhook_headers": {"X-Team": MASK}})
    assert errors(response) == {"/webhook_headers": "invalid_header"}


def test_the_endpoint_of_the_url_is_named(domain: Domain, path: str) -> None:
    endpoint = Endpoint.objects.create(domain=domain, url=URL)
    created = post(path, {"webhook_url": URL}).json()
    assert created["endpoint_id"] == str(endpoint.id)
    assert get(path).json() == [created]


def test_a_page_asks_for_its_own_endpoints_only(domain: Domain, path: str) -> None:
    for name in "abc":
        post(path, {"local_part": name, "webhook_url": f"{URL}/{name}"})
        Endpoint.objects.create(domain=domain, url=f"{URL}/{name}")
    with CaptureQueriesContext(connection) as queries:
        (row,) = get(f"{path}?limit=1").json()
    (asked,) = [query["sql"] for query in queries if 'FROM "endpoints"' in query["sql"]]
    assert row["endpoint_id"] == str(Endpoint.objects.get(url=f"{URL}/a").id)
    assert [name for name in "abc" if hash_url(f"{URL}/{name}") in asked] == ["a"]


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("webhook_url", None, "null"),
        ("webhook_url", "", "blank"),
        ("webhook_url", "no url", "invalid_url"),
        ("webhook_url", "ftp://example.com/", "invalid_url"),
        ("webhook_url", "http://user:pw@example.com/", "invalid_url"),
        ("webhook_url", "http://127.0.0.1/\0", "null_characters_not_allowed"),
        ("webhook_url", "http://127.0.0.1/" + "x" * 2048, "max_length"),
        ("webhook_url", "http://10.0.0.1/", "address_not_allowed"),
        ("webhook_url", "http://169.254.169.254/", "address_not_allowed"),
        ("webhook_url", 5, "invalid_url"),
        ("webhook_url", [], "invalid"),
        ("local_part", "a b", "invalid_local_part"),
        ("local_part", "a@b", "invalid_local_part"),
        ("local_part", "x" * 65, "invalid_local_part"),
        ("local_part", "a\0", "null_characters_not_allowed"),
        ("local_part", {}, "invalid"),
        ("webhook_headers", None, "null"),
        ("webhook_headers", [], "not_a_dict"),
        ("webhook_headers", {"Host": "x"}, "reserved_header"),
        ("webhook_headers", {"a b": "x"}, "invalid_header"),
        ("webhook_headers", {"X-A": "a\r\nX-B: b"}, "invalid_header"),
        ("webhook_headers", {"X-A": "ü"}, "invalid_header"),
        ("is_enabled", "perhaps", "invalid"),
    ],
)
def test_a_value_that_is_refused(path: str, field: str, value: Any, code: str) -> None:
    response = post(path, {"local_part": "support", "webhook_url": URL, field: value})
    assert response.status_code == 422
    assert errors(response) == {f"/{field}": code}
    assert not Recipient.objects.exists()


@pytest.mark.parametrize("value", [None, "", "a\0", {"b": 1}])
def test_a_wrong_header_value_is_named(path: str, value: Any) -> None:
    response = post(path, {"webhook_url": URL, "webhook_headers": {"X-A": value}})
    assert response.status_code == 422
    assert [pointer.startswith("/webhook_headers") for pointer in errors(response)] == [True]


def test_every_wrong_field_is_named(path: str) -> None:
    response = post(path, {"local_part": "a b", "webhook_url": "ftp://example.com/"})
    assert errors(response) == {
        "/local_part": "invalid_local_part",
        "/webhook_url": "invalid_url",
    }


def test_a_name_that_does_not_resolve_yet_is_accepted_with_a_warning(path: str) -> None:
    response = post(path, {"webhook_url": "https://later.invalid/webhook"})
    assert response.status_code == 201
    assert "later.invalid" in response.json()["warnings"][0]


@pytest.mark.parametrize(("first", "second"), [("support", "SUPPORT"), (None, "*")])
def test_a_duplicate_is_a_conflict(path: str, first: Any, second: Any) -> None:
    assert post(path, {"local_part": first, "webhook_url": URL}).status_code == 201
    response = post(path, {"local_part": second, "webhook_url": URL})
    assert response.status_code == 409
    assert response.json()["detail"] == f"{first or '*'}@example.com exists already."
    assert Recipient.objects.count() == 1


def test_the_same_local_part_in_another_domain(path: str) -> None:
    other = Domain.objects.create(domain_name="example.net")
    for target in (path, f"/domains/{other.id}/recipients"):
        assert post(target, {"local_part": "support", "webhook_url": URL}).status_code == 201


def test_only_those_of_the_domain_are_listed(domain: Domain, path: str) -> None:
    other = Domain.objects.create(domain_name="example.net")
    mine = Recipient.objects.create(domain=domain, local_part="a", webhook_url=URL)
    Recipient.objects.create(domain=other, local_part="b", webhook_url=URL)
    assert [recipient["id"] for recipient in get(path).json()] == [str(mine.id)]


@pytest.mark.parametrize("method", [get, lambda path: post(path, {"webhook_url": URL})])
def test_a_domain_that_is_not_there(method: Any) -> None:
    assert method(f"/domains/{uuid7()}/recipients").status_code == 404
    for malformed in ("no-uuid", "%00", "1" * 40):
        response = method(f"/domains/{malformed}/recipients")
        assert response.status_code == 422
        assert errors(response) == {"/domain_id": "invalid_uuid"}


def test_a_list_costs_the_same_however_long(
    domain: Domain, path: str, django_assert_num_queries: Any
) -> None:
    Recipient.objects.bulk_create(
        Recipient(domain=domain, local_part=f"r{n}", webhook_url=URL) for n in range(20)
    )
    with django_assert_num_queries(3):
        assert len(get(path).json()) == 20
