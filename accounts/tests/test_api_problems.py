"""Whatever goes wrong is a problem document, and never a 500 because of bad input."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import Domain
from fastsmtp.api.parsers import MAX_BODY_SIZE
from fastsmtp.api.tests.caller import call, errors, get, post, root_key

pytestmark = pytest.mark.django_db


def _problem(response: Any, status: int) -> Any:
    assert response.status_code == status
    assert response["Content-Type"] == "application/problem+json"
    body = response.json()
    assert body["status"] == status
    assert body.keys() >= {"type", "title", "detail"}
    return body


@pytest.mark.parametrize("path", ["/nothing", "/domains/", "/health/"])
def test_unknown_address(path: str) -> None:
    assert _problem(get(path), 404)["title"] == "Not Found"


def test_method_that_is_not_there() -> None:
    response = call("DELETE", "/domains")
    _problem(response, 405)
    assert "POST" in response["Allow"]


def test_other_content_type() -> None:
    response = Client().post(
        "/api/v1/domains",
        "domain_name=example.com",
        content_type="application/x-www-form-urlencoded",
        headers={"X-API-Key": root_key()},
    )
    _problem(response, 415)


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"domain_name": "example.com"',
        b'{"domain_name": NaN}',
        b'{"domain_name": "\xff"}',
        b'{"domain_name": "\\ud800"}',
        b"[" * 100_000,
        b"1" * 10_000 + b"x",
    ],
    ids=["open", "cut", "nan", "not-utf8", "surrogate", "deep", "number"],
)
def test_malformed_json(body: Any) -> None:
    _problem(post("/domains", body), 400)
    assert not Domain.objects.exists()


def test_body_too_large() -> None:
    _problem(post("/domains", b" " * (MAX_BODY_SIZE + 1)), 413)


@pytest.mark.parametrize("body", [[], "example.com", 5, None, True])
def test_body_that_is_no_object(body: Any) -> None:
    response = post("/domains", b"null" if body is None else body)
    assert _problem(response, 422)
    assert not Domain.objects.exists()


def test_a_whole_body_that_is_wrong_has_an_empty_pointer() -> None:
    assert errors(post("/domains", ["example.com"])) == {"": "invalid"}


def test_a_refusal_names_every_wrong_field() -> None:
    found = errors(post("/domains", {"domain_name": "a b", "verify_spf": "perhaps"}))
    assert found == {"/verify_spf": "invalid"}
    found = errors(post("/domains", {"domain_name": "a b"}))
    assert found == {"/domain_name": "invalid_domain"}


def test_an_answer_that_we_cannot_give_in_the_wanted_type() -> None:
    response = Client().get(
        "/api/v1/domains", headers={"X-API-Key": root_key(), "Accept": "text/html"}
    )
    assert response.status_code in (200, 406)
    assert response["Content-Type"].startswith("application/")
