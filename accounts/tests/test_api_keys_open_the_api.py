"""The API opens to a key in a header and to nothing else."""

from typing import Any

import pytest
from django.http import HttpRequest
from django.test import Client
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.keys import Caller
from accounts.models import Domain
from accounts.permissions import IsSuperuser
from fastsmtp.api.tests.caller import root_key
from fastsmtp.ids import uuid7

pytestmark = pytest.mark.django_db

BODY = {"domain_name": "example.com"}


def _create_domain(headers: dict[str, str], client: Client | None = None) -> Any:
    return (client or Client()).post(
        "/api/v1/domains", BODY, content_type="application/json", headers=headers
    )


def _assert_refused(response: Any, detail: str) -> None:
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "ApiKey"
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["detail"] == detail
    assert not Domain.objects.exists()


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-API-Key": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": "Basic cm9vdDpyb290"},
    ],
)
def test_without_a_key(headers: dict[str, str]) -> None:
    _assert_refused(_create_domain(headers), "API key required")


@pytest.mark.parametrize("key", ["wrong", "fsmtp_wrong", "ü", "x" * 5000])
def test_with_a_wrong_key(key: str) -> None:
    _assert_refused(_create_domain({"X-API-Key": key}), "Invalid API key")
    _assert_refused(_create_domain({"Authorization": f"Bearer {key}"}), "Invalid API key")


def test_a_part_of_the_key_is_not_the_key() -> None:
    _assert_refused(_create_domain({"X-API-Key": root_key()[:-1]}), "Invalid API key")


def test_a_session_of_the_admin_is_not_a_key(browser: Client) -> None:
    _assert_refused(_create_domain({}, browser), "API key required")


def test_the_root_key() -> None:
    assert _create_domain({"X-API-Key": root_key()}).status_code == 201


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_the_root_key_as_a_bearer_token(scheme: str) -> None:
    assert _create_domain({"Authorization": f"{scheme} {root_key()}"}).status_code == 201


def test_the_key_is_asked_for_before_anything_else() -> None:
    response = Client().get("/api/v1/domains/no-uuid/recipients")
    assert response.status_code == 401


def test_a_caller_who_is_no_superuser_may_not() -> None:
    request = Request(HttpRequest())
    request.user = Caller(  # type: ignore[assignment]
        id=uuid7(), username="bob", is_superuser=False
    )
    assert not IsSuperuser().has_permission(request, APIView())
