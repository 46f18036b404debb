"""`…/endpoints/{id}/secret` and `…/rotate-secret`: the only answers with a secret in them."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Domain
from delivery.bodies.signing import key_as_text
from delivery.models import Endpoint
from delivery.tests.records import URL
from fastsmtp.api.tests.caller import call, errors, get, post
from fastsmtp.crypto import Vault, generate_key
from fastsmtp.ids import uuid7
from fastsmtp.orm import vault

pytestmark = pytest.mark.django_db


@pytest.fixture
def path(endpoint: Endpoint) -> str:
    return f"/domains/{endpoint.domain_id}/endpoints/{endpoint.id}"


def test_the_secret(endpoint: Endpoint, path: str) -> None:
    response = get(f"{path}/secret")
    assert response.status_code == 200
    assert response["Cache-Control"] == "no-store"
    assert response.json() == {
        "id": str(endpoint.id),
        "url": URL,
        "signing_secret": endpoint.secret,
        "signing_key": key_as_text(endpoint.secret),
        "previous_secret_expires_at": None,
    }


@pytest.mark.parametrize(
    ("body", "grace"),
    [
        (None, timedelta(hours=24)),
        ({}, timedelta(hours=24)),
        ({"grace_seconds": 60, "description": "ignored"}, timedelta(seconds=60)),
        ({"grace_seconds": 2592000}, timedelta(days=30)),
    ],
)
def test_rotation(endpoint: Endpoint, path: str, body: Any, grace: timedelta) -> None:
    before = timezone.now()
    response = (
        post(f"{path}/rotate-secret", body) if body else call("POST", f"{path}/rotate-secret")
    )
    assert response.status_code == 200
    assert response["Cache-Control"] == "no-store"
    rotated = Endpoint.objects.get()
    assert rotated.previous_secret == endpoint.secret
    answer = response.json()
    assert answer["signing_secret"] == rotated.secret != endpoint.secret
    assert endpoint.secret not in response.content.decode()
    kept = datetime.fromisoformat(answer["previous_secret_expires_at"])
    assert before + grace <= kept <= timezone.now() + grace
    assert get(f"{path}/secret").json() == answer


def test_rotation_at_once(endpoint: Endpoint, path: str) -> None:
    answer = post(f"{path}/rotate-secret", {"grace_seconds": 0}).json()
    assert answer["previous_secret_expires_at"] is None
    assert Endpoint.objects.get().previous_secret is None


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (-1, "min_value"),
        (2592001, "max_value"),
        (None, "null"),
        ("soon", "invalid"),
        (1.5, "invalid"),
        ([], "invalid"),
        (True, "invalid"),
        (10**18, "max_value"),
    ],
)
def test_a_grace_that_is_refused(endpoint: Endpoint, path: str, value: Any, code: str) -> None:
    response = post(f"{path}/rotate-secret", {"grace_seconds": value})
    assert response.status_code == 422
    assert errors(response) == {"/grace_seconds": code}
    assert Endpoint.objects.get().secret == endpoint.secret


@pytest.mark.parametrize("body", [[], "x", 1])
def test_a_body_that_is_no_object(endpoint: Endpoint, path: str, body: Any) -> None:
    assert post(f"{path}/rotate-secret", body).status_code == 422
    assert Endpoint.objects.get().secret == endpoint.secret


@pytest.mark.parametrize("action", ["secret", "rotate-secret"])
def test_only_with_a_key(endpoint: Endpoint, path: str, action: str) -> None:
    method = "GET" if action == "secret" else "POST"
    response = call(method, f"{path}/{action}", key="fsmtp_wrong")
    assert response.status_code == 401
    assert endpoint.secret not in response.content.decode()
    assert Endpoint.objects.get().secret == endpoint.secret


@pytest.mark.parametrize("action", ["secret", "rotate-secret"])
def test_an_endpoint_of_another_domain(endpoint: Endpoint, action: str) -> None:
    other = Domain.objects.create(domain_name="example.net")
    method = "GET" if action == "secret" else "POST"
    for domain_id, endpoint_id, status in (
        (other.id, endpoint.id, 404),
        (uuid7(), endpoint.id, 404),
        (endpoint.domain_id, uuid7(), 404),
        (endpoint.domain_id, "x", 422),
    ):
        response = call(method, f"/domains/{domain_id}/endpoints/{endpoint_id}/{action}")
        assert response.status_code == status
    assert Endpoint.objects.get().secret == endpoint.secret


def test_a_secret_that_no_key_opens(
    endpoint: Endpoint, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign = Vault([generate_key().encode()])
    with monkeypatch.context() as patch:
        patch.setattr(vault(), "encrypt", foreign.encrypt)
        Endpoint.objects.update(secret="whsec_lost")
    response = get(f"{path}/secret")
    assert response.status_code == 409
    assert "FASTSMTP_ENCRYPTION_KEY" in response.json()["detail"]
    rotated = post(f"{path}/rotate-secret", {}).json()
    assert rotated["previous_secret_expires_at"] is None
    assert get(f"{path}/secret").json() == rotated
