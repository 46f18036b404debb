"""Routing remembers the ids of endpoints, also of those that were deleted since."""

import pytest
from django.db import transaction
from django.utils import timezone

from delivery.models import Delivery, Endpoint, Lane, Message, Recipient
from delivery.routing import endpoints
from delivery.routing.routing import route
from delivery.tests.records import create_endpoint
from delivery.tests.submissions import ids_of, receive

# What is remembered was committed.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.mariadb]


@pytest.fixture
def remembered(recipient: Recipient) -> Endpoint:
    """An endpoint whose id routing knows."""
    route([receive(recipient).id])
    return Endpoint.objects.get()


def test_a_deleted_endpoint_is_made_again(recipient: Recipient, remembered: Endpoint) -> None:
    Endpoint.objects.all().delete()
    messages = [receive(recipient) for _ in range(3)]
    woken = route(ids_of(messages))
    endpoint = Endpoint.objects.get()
    assert endpoint.id != remembered.id
    assert woken == {endpoint.id}
    deliveries = Delivery.objects.filter(message__in=messages)
    assert len(deliveries) == 3
    assert {delivery.endpoint_id for delivery in deliveries} == {endpoint.id}
    assert not Message.objects.filter(route_due_at__isnull=False).exists()


def test_an_endpoint_that_somebody_made_again_is_found(
    recipient: Recipient, remembered: Endpoint
) -> None:
    Endpoint.objects.all().delete()
    again = create_endpoint(recipient.domain, url=remembered.url)
    message = receive(recipient)
    assert route([message.id]) == {again.id}
    assert Delivery.objects.get(message=message).endpoint == again
    lane = Lane.objects.get(endpoint=again)
    assert lane.due_at is not None
    assert lane.due_at <= timezone.now()


def test_other_endpoints_of_the_batch_do_not_suffer(
    recipient: Recipient, remembered: Endpoint
) -> None:
    sales = Recipient.objects.create(
        domain=recipient.domain, local_part="sales", webhook_url="http://127.0.0.1:9/sales"
    )
    Endpoint.objects.all().delete()
    message = receive(recipient, sales)
    assert len(route([message.id])) == 2
    assert Delivery.objects.filter(message=message, status=Delivery.Status.PENDING).count() == 2


def test_one_that_was_never_committed_is_not_remembered(recipient: Recipient) -> None:
    """However often its transaction has met it."""
    with transaction.atomic():
        for _ in range(2):
            rolled_back = endpoints.id_of(recipient.domain_id, recipient.webhook_url)
        transaction.set_rollback(True)
    with transaction.atomic():
        found = endpoints.id_of(recipient.domain_id, recipient.webhook_url)
    assert found == Endpoint.objects.get().id != rolled_back
