"""An endpoint's secret in the admin: shown to who asks, made anew by who confirms."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from delivery.bodies.signing import key_as_text
from delivery.by_hand.rotation import rotate_secret
from delivery.models import Endpoint
from delivery.models.endpoint import LOST_SECRET
from fastsmtp.crypto import Vault, generate_key
from fastsmtp.ids import uuid7
from fastsmtp.orm import vault

pytestmark = pytest.mark.django_db

CONFIRMED = {"_form_submitted": "True", "grace": str(24 * 60 * 60)}


def _rotation_page(endpoint_id: object) -> str:
    return reverse("admin:delivery_endpoint_rotate_secret", args=[endpoint_id])


def _secret_page(endpoint: Endpoint) -> str:
    return reverse("admin:delivery_endpoint_secret", args=[endpoint.pk])


def test_the_page_of_an_endpoint_leads_to_the_rotation(browser: Client, endpoint: Endpoint) -> None:
    page = browser.get(reverse("admin:delivery_endpoint_change", args=[endpoint.pk]))
    assert _rotation_page(endpoint.pk) in page.content.decode()


@pytest.mark.parametrize("answer", [None, {}, {"grace": "86400"}, {**CONFIRMED, "grace": "x"}])
def test_without_confirmation_nothing_changes(
    browser: Client, endpoint: Endpoint, answer: Any
) -> None:
    page = _rotation_page(endpoint.pk)
    response = browser.get(page) if answer is None else browser.post(page, answer)
    assert response.status_code == 200
    assert "Rotate the signing secret?" in response.content.decode()
    assert endpoint.secret not in response.content.decode()
    assert Endpoint.objects.get().secret == endpoint.secret


def test_rotation(browser: Client, endpoint: Endpoint) -> None:
    response = browser.post(_rotation_page(endpoint.pk), CONFIRMED)
    assert response.status_code == 302
    assert response["Location"] == _secret_page(endpoint)
    rotated = Endpoint.objects.get()
    assert rotated.previous_secret == endpoint.secret
    kept = rotated.previous_secret_expires_at
    assert kept is not None
    assert kept > timezone.now() + timedelta(hours=23)
    shown = browser.get(response["Location"]).content.decode()
    assert rotated.secret in shown
    assert key_as_text(rotated.secret) in shown
    assert kept.isoformat(" ", "seconds") in shown
    assert endpoint.secret not in shown
    assert "Rotated" in LogEntry.objects.get().change_message


def test_from_the_dialog_the_browser_is_led_to_the_secret(
    browser: Client, endpoint: Endpoint
) -> None:
    response = browser.post(_rotation_page(endpoint.pk), CONFIRMED, headers={"HX-Request": "true"})
    assert response["HX-Redirect"] == _secret_page(endpoint)
    assert response.content == b""


def test_rotation_at_once(browser: Client, endpoint: Endpoint) -> None:
    browser.post(_rotation_page(endpoint.pk), {**CONFIRMED, "grace": "0"})
    assert Endpoint.objects.get().previous_secret is None


@pytest.mark.parametrize("endpoint_id", [uuid7(), "x"])
def test_an_endpoint_that_is_not_there(browser: Client, endpoint_id: object) -> None:
    assert browser.post(_rotation_page(endpoint_id), CONFIRMED).status_code == 404


def test_only_superusers_rotate(endpoint: Endpoint) -> None:
    client = Client()
    for user in (None, User.objects.create_user("bob")):
        if user is not None:
            client.force_login(user)
        assert client.post(_rotation_page(endpoint.pk), CONFIRMED).status_code == 302
        assert Endpoint.objects.get().secret == endpoint.secret


def test_saving_the_page_never_brings_an_old_secret_back(
    browser: Client, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rotation falls between reading the row and writing it."""
    validate = Endpoint.full_clean

    def rotate_meanwhile(self: Endpoint, *args: Any, **options: Any) -> None:
        validate(self, *args, **options)
        rotate_secret(endpoint)

    monkeypatch.setattr(Endpoint, "full_clean", rotate_meanwhile)
    form = {
        "mode": "thin",
        "concurrency": "4",
        "timeout_seconds": "",
        "max_body_bytes": "",
        "lane-TOTAL_FORMS": "0",
        "lane-INITIAL_FORMS": "0",
    }
    browser.post(reverse("admin:delivery_endpoint_change", args=[endpoint.pk]), form)
    saved = Endpoint.objects.get()
    assert (saved.mode, saved.concurrency) == ("thin", 4)
    assert saved.previous_secret == endpoint.secret


def test_a_secret_that_no_key_opens(
    browser: Client, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(vault(), "encrypt", Vault([generate_key().encode()]).encrypt)
        Endpoint.objects.update(secret="whsec_lost")
    assert browser.get(_secret_page(endpoint)).content.decode() == f"{LOST_SECRET}\n"
    browser.post(_rotation_page(endpoint.pk), CONFIRMED)
    assert Endpoint.objects.get().secret in browser.get(_secret_page(endpoint)).content.decode()
