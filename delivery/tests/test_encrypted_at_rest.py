"""Who gets a copy of the database gets no secret of a receiver."""

from typing import Any

import pytest
from django.db import connection, models

from accounts.models import Domain
from delivery.models import Endpoint, Recipient
from delivery.tests.records import URL

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
