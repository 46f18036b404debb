"""Who deletes a domain or a recipient wants nothing more sent for it; the mail itself stays."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import Domain
from delivery.by_hand.deletion import delete_domain, delete_recipient
from delivery.lanes.answers import Kind
from delivery.models import Attempt, Delivery, Endpoint, Message, Recipient
from delivery.routing.routing import route
from delivery.tests.records import URL, create_delivery, create_endpoint, create_message
from delivery.tests.submissions import receive
from fastsmtp.ids import uuid7

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]

Status = Delivery.Status


def _deliver(recipient: Recipient, endpoint: Endpoint, **fields: object) -> Delivery:
    values = {"due_at": timezone.now(), **fields}
    return create_delivery(create_message(recipient.domain), recipient, endpoint, **values)


def _claimed() -> dict[str, object]:
    return {"claim_id": uuid7(), "claimed_until": timezone.now() + timedelta(minutes=1)}


@pytest.fixture
def other(domain: Domain) -> Recipient:
    return Recipient.objects.create(domain=domain, local_part="sales", webhook_url=URL)


def test_a_deleted_recipient_takes_its_open_deliveries_along(
    recipient: Recipient, other: Recipient, endpoint: Endpoint
) -> None:
    pending = _deliver(recipient, endpoint)
    failed = _deliver(
        recipient, endpoint, status=Status.FAILED, due_at=timezone.now() + timedelta(hours=1)
    )
    claimed = _deliver(recipient, endpoint, **_claimed())
    delivered = _deliver(recipient, endpoint, status=Status.DELIVERED, due_at=None)
    others = _deliver(other, endpoint)

    assert delete_recipient(recipient) == 3

    for delivery in (pending, failed, claimed):
        delivery.refresh_from_db()
        assert delivery.status == Status.CANCELLED
        assert delivery.reason == "the recipient was deleted"
        assert delivery.due_at is None
        assert (delivery.claim_id, delivery.claimed_until) == (None, None)
    for delivery, status in ((delivered, Status.DELIVERED), (others, Status.PENDING)):
        delivery.refresh_from_db()
        assert delivery.status == status
    assert not Recipient.objects.filter(id=recipient.id).exists()
    assert Message.objects.count() == 5


def test_deliveries_at_every_endpoint_are_found(recipient: Recipient, endpoint: Endpoint) -> None:
    """Its URL may have been another one when they were routed."""
    earlier = create_endpoint(recipient.domain, url="http://127.0.0.1:9/earlier")
    for place in (endpoint, earlier):
        _deliver(recipient, place)
    assert delete_recipient(recipient) == 2


def test_a_deleted_domain_takes_its_open_deliveries_along(
    recipient: Recipient, other: Recipient, endpoint: Endpoint
) -> None:
    open_ones = [
        _deliver(recipient, endpoint),
        _deliver(other, endpoint, **_claimed()),
    ]
    delivered = _deliver(recipient, endpoint, status=Status.DELIVERED, due_at=None)
    neighbour = Domain.objects.create(domain_name="example.org")
    theirs = _deliver(
        Recipient.objects.create(domain=neighbour, webhook_url=URL), create_endpoint(neighbour)
    )

    assert delete_domain(recipient.domain) == 2

    for delivery in open_ones:
        delivery.refresh_from_db()
        assert delivery.status == Status.CANCELLED
        assert delivery.reason == "the domain was deleted"
        assert (delivery.due_at, delivery.claim_id) == (None, None)
    for delivery, status in ((delivered, Status.DELIVERED), (theirs, Status.PENDING)):
        delivery.refresh_from_db()
        assert delivery.status == status
    assert list(Domain.objects.all()) == [neighbour]
    assert list(Endpoint.objects.all()) == [theirs.endpoint]
    assert Message.objects.count() == 4


def test_mail_that_was_not_routed_yet_is_cancelled_by_routing(recipient: Recipient) -> None:
    message = receive(recipient)
    assert delete_domain(recipient.domain) == 0
    assert route([message.id]) == set()
    delivery = Delivery.objects.get()
    assert delivery.message == message
    assert (delivery.status, delivery.due_at) == (Status.CANCELLED, None)


def test_nothing_to_cancel(recipient: Recipient) -> None:
    assert delete_recipient(recipient) == 0
    assert delete_domain(recipient.domain) == 0
    assert not Domain.objects.exists()


def test_an_attempt_whose_process_died_is_not_forgotten(
    recipient: Recipient, endpoint: Endpoint
) -> None:
    over = {**_claimed(), "claimed_until": timezone.now() - timedelta(seconds=1)}
    lost = _deliver(recipient, endpoint, attempts=2, **over)
    _deliver(recipient, endpoint, attempts=1, **_claimed())  # its call will tell
    delete_recipient(recipient)
    attempt = Attempt.objects.get()
    assert (attempt.delivery, attempt.number, attempt.outcome) == (lost, 2, Kind.UNKNOWN)
