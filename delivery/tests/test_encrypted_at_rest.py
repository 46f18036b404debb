"""Who gets a copy of the database gets no secret of a receiver."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, models
from django.test import Client
from django.urls import reverse

from accounts.models import Domain
from delivery.models import Endpoint, Recipient
from delivery.models.recipient import LOST_HEADERS
from delivery.tests.encryption_keys import lose
from delivery.tests.records import URL
from fastsmtp.api.tests.caller import get
from fastsmtp.masking import MASK

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]


def _row_as_stored(record: models.Model) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {record._meta.db_table}")
        return repr(cursor.fetchall())


def test_headers_of_a_recipient(domain: Domain) -> None:
    headers: dict[str, Any] = {"Authorization": "Bearer s3cret-t0ken"}
    recipient = Recipient.objects.create(domain=domain, webhook_url=URL, webhook_headers=headers)
    stored = _row_as_stored(recipient)
    assert URL in stored
    assert "s3cret-t0ken" not in stored
    assert "Authorization" not in stored
    recipient.refresh_from_db()
    assert recipient.webhook_headers == headers


def test_the_secret_of_an_endpoint(domain: Domain) -> None:
    endpoint = Endpoint.objects.create(domain=domain, url=URL)
    secret = endpoint.secret
    assert secret.startswith("whsec_")
    assert secret.removeprefix("whsec_") not in _row_as_stored(endpoint)
    endpoint.refresh_from_db()
    assert endpoint.secret == secret


def test_equal_secrets_do_not_look_equal(domain: Domain) -> None:
    for local_part in ("a", "b"):
        Recipient.objects.create(
            domain=domain, local_part=local_part, webhook_url=URL, webhook_headers={"X-Key": "same"}
        )
    with connection.cursor() as cursor:
        cursor.execute("SELECT webhook_headers FROM recipients")
        first, second = cursor.fetchall()
    assert first != second


def test_what_no_key_opens_is_mended_in_the_admin(domain: Domain, browser: Client) -> None:
    recipient = _recipient_with_lost_headers(domain)
    page = reverse("admin:delivery_recipient_change", args=[recipient.pk])
    assert LOST_HEADERS in browser.get(page).content.decode()
    form = {"local_part": "a", "webhook_url": URL, "is_enabled": "on"}
    browser.post(page, {**form, "webhook_headers": f'{{"X-Key": "{MASK}"}}'})
    assert Recipient.objects.get().has_lost_headers
    browser.post(page, {**form, "webhook_headers": '{"X-Key": "new"}'})
    assert Recipient.objects.get().webhook_headers == {"X-Key": "new"}


def test_what_no_key_opens_keeps_nobody_from_reading_the_rest(domain: Domain) -> None:
    recipient = _recipient_with_lost_headers(domain)
    Recipient.objects.create(domain=domain, local_part="b", webhook_url=URL)
    lost, sound = get(f"/domains/{domain.id}/recipients").json()
    assert (lost["id"], lost["webhook_headers"]) == (str(recipient.id), {})
    assert lost["warnings"] == [LOST_HEADERS]
    assert "warnings" not in sound
    call_command("recipient", "list", stdout=StringIO())


def _recipient_with_lost_headers(domain: Domain) -> Recipient:
    recipient = Recipient.objects.create(
        domain=domain, local_part="a", webhook_url=URL, webhook_headers={"X-Key": "1"}
    )
    lose("recipients", "webhook_headers")
    return recipient
