"""A row that cannot be read costs nobody else's mail anything."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from delivery.courier.courier import Courier
from delivery.courier.release import PUT_OFF
from delivery.models import Attempt, Delivery, Endpoint, Lane, Recipient
from delivery.routing.routing import route
from delivery.tests.courier_steps import move
from delivery.tests.submissions import receive
from delivery.tests.waiting_mail import add_due, claim_from, claim_one, expire_claims
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
    # Put off: the call may be made once it can be read.
    wait_until(lambda: Delivery.objects.filter(claim_id=None, id=bad.id).exists())
    bad.refresh_from_db()
    assert (bad.status, bad.tries, bad.attempts) == (Status.PENDING, 0, 0)
    assert bad.due_at is not None
    assert bad.due_at > bad.created_at + PUT_OFF
    assert not Attempt.objects.filter(delivery=bad).exists()
    assert f"delivery {bad.id} cannot be read" in caplog.text
    assert receiver.calls_of("/2") == []


def test_a_delivery_that_would_be_the_probe_of_its_lane(
    recipient: Recipient, endpoint: Endpoint
) -> None:
    bad = add_due(recipient, endpoint, age=60)
    _spoil(recipient, "webhook_headers")
    other = Recipient.objects.create(domain=recipient.domain, local_part="other")
    good = add_due(other, endpoint)
    now = timezone.now()
    Lane.objects.update(state=Lane.State.PAUSED, paused_until=now, due_at=now)
    assert claim_from(endpoint).jobs == []
    assert Lane.objects.get().state == Lane.State.PAUSED
    # Nobody waits for the end of a call that is not made.
    job = claim_one(endpoint)
    assert (job.delivery_id, job.is_probe) == (good.id, True)
    assert Delivery.objects.filter(id=bad.id, claim_id=None, due_at__gt=now + PUT_OFF).exists()


def test_a_suspect_that_cannot_be_read_any_more(recipient: Recipient, endpoint: Endpoint) -> None:
    """Its worker died; none dies of reading it."""
    add_due(recipient, endpoint)
    claim_one(endpoint)
    _spoil(recipient, "webhook_headers")
    for _ in range(3):
        expire_claims()
        Delivery.objects.update(due_at=timezone.now())
        assert claim_from(endpoint).jobs == []
    assert Delivery.objects.get().lost_claims == Attempt.objects.count() == 1


def test_its_lane_is_due_when_it_is(recipient: Recipient, endpoint: Endpoint) -> None:
    add_due(recipient, endpoint)
    _spoil(recipient, "webhook_headers")
    Lane.objects.update(due_at=timezone.now() + timedelta(hours=1))
    claim_from(endpoint)
    assert Lane.objects.get().due_at == Delivery.objects.get().due_at
