"""`/domains/{id}/endpoints`: how the webhooks of a domain are doing, and what people can change."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client

from accounts.models import Domain
from delivery.by_hand import trial
from delivery.models import Endpoint, Lane, Recipient
from delivery.tests.payload_schema import require_form
from delivery.tests.records import URL, create_endpoint
from delivery.tests.webhook_receiver import WebhookReceiver
from fastsmtp.api.tests.caller import call, errors, get, patch, post
from fastsmtp.ids import uuid7

pytestmark = pytest.mark.django_db


@pytest.fixture
def path(endpoint: Endpoint) -> str:
    return f"/domains/{endpoint.domain_id}/endpoints/{endpoint.id}"


def test_a_row(path: str, endpoint: Endpoint, domain: Domain) -> None:
    create_endpoint(Domain.objects.create(domain_name="example.net"))
    (row,) = get(f"/domains/{domain.id}/endpoints").json()
    assert row == get(path).json()
    assert (row["url"], row["mode"], row["status"]) == (URL, "json", "active")
    assert (row["consecutive_failures"], row["paused_until"]) == (0, None)
    assert "secret" not in " ".join(row)


def test_limits_are_changed(path: str, endpoint: Endpoint) -> None:
    given = {"mode": "thin", "max_body_bytes": 4096, "concurrency": 4, "timeout_seconds": 9}
    response = patch(path, {**given, "url": URL, "status": "disabled"})
    assert response.status_code == 200
    assert response.json() | given == response.json()
    secret = endpoint.secret
    endpoint.refresh_from_db()
    assert (endpoint.url, endpoint.secret, endpoint.lane.state) == (URL, secret, "active")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("mode", "xml"),
        ("mode", None),
        ("concurrency", 0),
        ("concurrency", None),
        ("concurrency", 10**9),
        ("max_body_bytes", -1),
        ("max_body_bytes", 0),
        ("max_body_bytes", 4095),
        ("max_body_bytes", 2**40),
        ("timeout_seconds", 0),
        ("timeout_seconds", "soon"),
    ],
)
def test_a_value_that_is_refused(path: str, endpoint: Endpoint, field: str, value: Any) -> None:
    before = Endpoint.objects.values().get()
    response = patch(path, {field: value})
    assert response.status_code == 422
    assert list(errors(response)) == [f"/{field}"]
    assert Endpoint.objects.values().get() == before


def test_one_that_is_deleted_meanwhile(
    path: str, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Endpoint, "full_clean", lambda _: Endpoint.objects.all().delete())
    assert patch(path, {"concurrency": 4}).status_code == 404


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/other", "", None])
def test_its_url_is_changed_at_the_recipient(path: str, endpoint: Endpoint, url: Any) -> None:
    response = patch(path, {"mode": "thin", "url": url})
    assert response.status_code == 422
    (error,) = response.json()["errors"]
    assert error["pointer"] == "/url"
    assert "change the recipient's URL" in error["detail"]
    endpoint.refresh_from_db()
    assert (endpoint.url, endpoint.mode) == (URL, "json")


def test_closed_and_opened(path: str) -> None:
    body = post(f"{path}/disable", {"reason": "maintenance"}).json()
    assert (body["status"], body["disabled_reason"]) == ("disabled", "maintenance")
    body = post(f"{path}/enable", None).json()
    assert (body["status"], body["disabled_reason"]) == ("probing", "")
    assert post(f"{path}/disable", {}).json()["disabled_reason"] == "by root"
    assert errors(post(f"{path}/disable", {"reason": "x" * 256})) == {"/reason": "max_length"}


def test_nobody_deletes_one(path: str) -> None:
    assert call("DELETE", path).status_code == 405


@pytest.mark.parametrize("action", ["", "/enable", "/disable", "/test"])
def test_one_of_another_domain(endpoint: Endpoint, action: str) -> None:
    other = Domain.objects.create(domain_name="example.net")
    method = "POST" if action else "GET"
    for id in (endpoint.id, uuid7()):
        assert call(method, f"/domains/{other.id}/endpoints/{id}{action}").status_code == 404
    response = call(method, f"/domains/{other.id}/endpoints/x{action}")
    assert errors(response) == {"/endpoint_id": "invalid_uuid"}
    assert Lane.objects.get().state == Lane.State.ACTIVE


class TestTrial:
    @pytest.fixture
    def path(self, domain: Domain, receiver: WebhookReceiver) -> str:
        endpoint = create_endpoint(domain, url=receiver.url())
        Recipient.objects.create(
            domain=domain, webhook_url=receiver.url(), webhook_headers={"X-Key": "s3cret"}
        )
        return f"/domains/{domain.id}/endpoints/{endpoint.id}/test"

    def test_a_call_like_any_other(self, path: str, receiver: WebhookReceiver) -> None:
        body = post(path, None).json()
        assert (body["success"], body["status_code"], body["error"]) == (True, 200, None)
        (made,) = receiver.calls
        assert made.headers["fastsmtp-event"] == made.payload["type"] == "test"
        require_form(made.payload)
        assert made.headers["x-key"] == "s3cret"
        assert made.headers["webhook-signature"].startswith("v1,")
        assert body["response_time_ms"] >= 0

    def test_thin_too_and_its_links_lead_nowhere(
        self, path: str, receiver: WebhookReceiver, client: Client
    ) -> None:
        Endpoint.objects.update(mode="thin")
        post(path, None)
        (made,) = receiver.calls
        require_form(made.payload, is_thin=True)
        link = urlsplit(made.payload["raw_message"]["url"])
        assert client.get(f"{link.path}?{link.query}").status_code == 410

    def test_a_failure_is_told_and_harms_nobody(self, path: str, receiver: WebhookReceiver) -> None:
        receiver.answer("/", 410)
        response = post(path, None)
        assert response.status_code == 200
        body = response.json()
        assert (body["success"], body["status_code"]) == (False, 410)
        assert Lane.objects.get().state == Lane.State.ACTIVE

    def test_the_door_is_the_same(self, domain: Domain) -> None:
        endpoint = create_endpoint(domain, url="http://10.0.0.1/")
        body = post(f"/domains/{domain.id}/endpoints/{endpoint.id}/test", None).json()
        assert (body["success"], body["status_code"]) == (False, None)
        assert "10.0.0.1" in body["error"]

    def test_nobody_waits_for_it_as_long_as_a_delivery_may(
        self, path: str, receiver: WebhookReceiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(trial, "LONGEST", 0.2)
        Endpoint.objects.update(timeout_seconds=3600)
        receiver.hang("/")
        body = post(path, None).json()
        assert (body["success"], body["status_code"]) == (False, None)
        assert "0.2 s" in body["error"]
