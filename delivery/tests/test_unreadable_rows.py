"""A row that cannot be read costs nobody else's mail anything."""

from typing import Any

import pytest
from django.db import connection

from delivery.courier.courier import Courier
from delivery.models import Delivery, Endpoint, Recipient
from delivery.routing.routing import route
from delivery.tests.courier_steps import move
from delivery.tests.submissions import receive
from delivery.tests.webhook_receiver import WebhookReceiver
from fastsmtp.bulk import to_database
from fastsmtp.orm import vault
from harness.waiting import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.mariadb]

Status = Delivery.Status


@pytest.fixture
def recipients(recipient: Recipient, receiver: WebhookReceiver) -> list[Recipient]:
    """Five, each with an endpoint of its own."""
    others = [
        Recipient.objects.create(domain=recipient.domain, local_part=f"support{number}")
        for number in range(4)
    ]
    return [move(one, receiver, f"/{number}") for number, one in enumerate([recipient, *others])]


def _receive_all(recipients: list[Recipient]) -> set[Any]:
    """One mail for each, routed. Returns the endpoints."""
    return route([receive(recipient).id for recipient in recipients])


def _spoil(row: Endpoint | Recipient, column: str) -> None:
    """Encrypted well, and no JSON."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {row._meta.db_table} SET {column} = %s WHERE id = %s",
            [vault().encrypt(b"no JSON"), to_database(row._meta.pk)(row.pk)],
        )


def test_an_endpoint(
    courier: Courier,
    receiver: WebhookReceiver,
    recipients: list[Recipient],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("delivery.courier.dispatch.BARRED", 3600.0)
    endpoints = _receive_all(recipients)
    bad = Endpoint.objects.get(url=receiver.url("/2"))
    _spoil(bad, "secret")
    courier.wake(endpoints)
    wait_until(lambda: Delivery.objects.filter(status=Status.DELIVERED).count() == 4)
    delivery = Delivery.objects.get(endpoint=bad)
    assert (delivery.status, delivery.attempts) == (Status.PENDING, 0)
    # Woken again by every look, it is left alone and stops nobody.
    courier.wake(_receive_all(recipients))
    wait_until(lambda: Delivery.objects.filter(status=Status.DELIVERED).count() == 8)
    said = [record.message for record in caplog.records if "claimed" in record.message]
    assert said == [f"endpoint {bad.id}: nothing can be claimed of it"]


def test_an_endpoint_that_can_be_read_again(
    courier: Courier,
    receiver: WebhookReceiver,
    recipients: list[Recipient],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("delivery.courier.dispatch.BARRED", 0.2)
    endpoints = _receive_all(recipients)
    bad = Endpoint.objects.get(url=receiver.url("/2"))
    _spoil(bad, "secret")
    courier.wake(endpoints)
    wait_until(lambda: f"endpoint {bad.id}: nothing can be claimed of it" in caplog.text)
    bad.save()
    wait_until(lambda: not Delivery.objects.exclude(status=Status.DELIVERED).exists())
    assert set(Delivery.objects.values_list("attempts", flat=True)) == {1}


def test_a_delivery(
    courier: Courier,
    receiver: WebhookReceiver,
    recipients: list[Recipient],
    caplog: pytest.LogCaptureFixture,
) -> None:
    endpoints = _receive_all(recipients)
    _spoil(recipients[2], "webhook_headers")
    courier.wake(endpoints)
    wait_until(lambda: Delivery.objects.filter(status=Status.DELIVERED).count() == 4)
    bad = Delivery.objects.exclude(status=Status.DELIVERED).get()
    assert bad.recipient_id == recipients[2].id
    # Left to its claim: the call may be made once it can be read.
    assert (bad.status, bad.attempts) == (Status.PENDING, 1)
    assert bad.claim_id is not None
    assert f"delivery {bad.id} cannot be read" in caplog.text
    assert receiver.calls_of("/2") == []
