"""Superusers release and discard in the list of deliveries; nobody else does."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from delivery.models import Delivery, Endpoint, Recipient
from delivery.tests.records import create_delivery, create_message

pytestmark = pytest.mark.django_db

Status = Delivery.Status


def _act(client: Client, action: str, *deliveries: Delivery) -> str:
    page = reverse("admin:delivery_delivery_changelist")
    ids = [delivery.pk for delivery in deliveries]
    response = client.post(page, {"action": action, "_selected_action": ids}, follow=True)
    return response.content.decode()


@pytest.fixture
def quarantined(recipient: Recipient, endpoint: Endpoint) -> Delivery:
    message = create_message(recipient.domain)
    return create_delivery(message, recipient, endpoint, status=Status.QUARANTINED)


@pytest.mark.parametrize(
    ("action", "status", "words"),
    [
        ("release", Status.PENDING, "1 delivery was released"),
        ("discard", Status.DISCARDED, "1 delivery was discarded"),
    ],
)
def test_a_superuser_decides(
    browser: Client,
    quarantined: Delivery,
    recipient: Recipient,
    action: str,
    status: Status,
    words: str,
) -> None:
    delivered = create_delivery(
        create_message(recipient.domain), recipient, Endpoint.objects.get(), status=Status.DELIVERED
    )
    assert words in _act(browser, action, quarantined, delivered)
    quarantined.refresh_from_db()
    delivered.refresh_from_db()
    assert (quarantined.status, delivered.status) == (status, Status.DELIVERED)


@pytest.mark.parametrize("action", ["release", "discard"])
def test_others_do_not(quarantined: Delivery, action: str) -> None:
    client = Client()
    client.force_login(User.objects.create_user("bob"))
    _act(client, action, quarantined)
    quarantined.refresh_from_db()
    assert (quarantined.status, quarantined.due_at) == (Status.QUARANTINED, None)
