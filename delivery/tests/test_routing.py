"""One delivery for each recipient of a message, whatever the verdict."""

from datetime import timedelta
from uuid import UUID

import pytest
from django.utils import timezone

from accounts.models import Domain
from delivery.by_hand.deletion import delete_recipient
from delivery.courier.sweeper import overdue_messages
from delivery.models import Delivery, Endpoint, Lane, Message, Recipient
from delivery.routing.routing import route
from delivery.tests.records import URL
from delivery.tests.submissions import found, ids_of, receive
from fastsmtp.ids import uuid7

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]

Status = Delivery.Status


def _create_recipient(domain: Domain, local_part: str, *, url: str = URL) -> Recipient:
    return Recipient.objects.create(domain=domain, local_part=local_part, webhook_url=url)


def test_one_delivery_for_each_recipient(recipient: Recipient) -> None:
    sales = _create_recipient(recipient.domain, "sales", url="http://127.0.0.1:9/sales")
    message = receive(found(recipient, address="Support+1@example.com"), sales)
    before = timezone.now()

    woken = route([message.id])

    first, second = Delivery.objects.order_by("id")
    assert first.recipient_address == "Support+1@example.com"
    assert second.recipient_address == "sales@example.com"
    assert (first.recipient, second.recipient) == (recipient, sales)
    assert (first.webhook_url, second.webhook_url) == (URL, "http://127.0.0.1:9/sales")
    assert woken == {first.endpoint_id, second.endpoint_id}
    for delivery in (first, second):
        assert delivery.message == message
        assert delivery.domain == recipient.domain
        assert delivery.status == Status.PENDING
        assert (delivery.tries, delivery.attempts, delivery.generation) == (0, 0, 0)
        assert delivery.tags == []
        assert (delivery.claim_id, delivery.claimed_until) == (None, None)
        assert delivery.due_at is not None
        assert before <= delivery.due_at <= timezone.now()
    message.refresh_from_db()
    assert message.route_due_at is None


@pytest.mark.parametrize("local_part", ["josé", "jose\u0301", "ĵose"])
def test_recipients_that_differ_by_an_accent_are_two(domain: Domain, local_part: str) -> None:
    plain, accented = (_create_recipient(domain, name) for name in ("jose", local_part))
    route([receive(plain, accented).id])
    deliveries = Delivery.objects.values_list("recipient_address", "recipient", "status")
    assert set(deliveries) == {
        ("jose@example.com", plain.id, Status.PENDING),
        (f"{local_part}@example.com", accented.id, Status.PENDING),
    }


def test_addresses_of_a_catch_all_that_differ_by_an_accent_are_two(domain: Domain) -> None:
    catch_all = _create_recipient(domain, "")
    addresses = {"jose@example.com", "josé@example.com"}
    route([receive(*(found(catch_all, address=address) for address in addresses)).id])
    deliveries = Delivery.objects.values_list("recipient_address", "status")
    assert set(deliveries) == {(address, Status.PENDING) for address in addresses}


def test_the_lane_learns_that_something_is_due(recipient: Recipient) -> None:
    (endpoint_id,) = route([receive(recipient).id])
    lane = Lane.objects.get(endpoint_id=endpoint_id)
    assert lane.due_at is not None
    assert lane.due_at <= timezone.now()


def test_an_endpoint_is_made_when_its_url_is_met_first(recipient: Recipient) -> None:
    for _ in range(3):
        route([receive(recipient).id])
    endpoint = Endpoint.objects.get()
    assert (endpoint.domain, endpoint.url) == (recipient.domain, URL)
    assert endpoint.secret.startswith("whsec_")
    assert endpoint.lane.state == Lane.State.ACTIVE
    assert set(Delivery.objects.values_list("endpoint_id", flat=True)) == {endpoint.id}


def test_recipients_with_one_url_share_an_endpoint(recipient: Recipient) -> None:
    sales = _create_recipient(recipient.domain, "sales")
    assert len(route([receive(recipient, sales).id])) == 1
    assert Delivery.objects.count() == 2


def test_tenants_never_share_an_endpoint(recipient: Recipient) -> None:
    foreign = _create_recipient(Domain.objects.create(domain_name="example.org"), "support")
    woken = route(ids_of([receive(recipient), receive(foreign)]))
    assert len(woken) == 2
    assert {endpoint.domain for endpoint in Endpoint.objects.filter(id__in=woken)} == {
        recipient.domain,
        foreign.domain,
    }


def test_a_url_changed_in_between_gets_the_mail(recipient: Recipient) -> None:
    message = receive(recipient)
    Recipient.objects.update(webhook_url="http://127.0.0.1:9/new")
    route([message.id])
    assert Delivery.objects.get().webhook_url == "http://127.0.0.1:9/new"


def test_a_recipient_deleted_in_between_is_cancelled(recipient: Recipient) -> None:
    sales = _create_recipient(recipient.domain, "sales")
    message = receive(recipient, sales)
    delete_recipient(recipient)
    route([message.id])
    cancelled, pending = Delivery.objects.order_by("id")
    assert cancelled.recipient_address == "support@example.com"
    assert cancelled.status == Status.CANCELLED
    assert cancelled.reason == "the recipient was deleted"
    assert (cancelled.due_at, cancelled.endpoint_id) == (None, None)
    assert (pending.recipient, pending.status) == (sales, Status.PENDING)


@pytest.mark.django_db(transaction=True)
def test_many_messages_at_once(recipient: Recipient) -> None:
    messages = [receive(recipient) for _ in range(20)]
    assert len(route(ids_of(messages))) == 1
    assert set(Delivery.objects.values_list("message_id", flat=True)) == set(ids_of(messages))


@pytest.mark.parametrize("ids", [[], [uuid7()]])
def test_what_does_not_exist_is_nothing_to_do(db: None, ids: list[UUID]) -> None:
    assert route(ids) == set()


def test_overdue_are_those_that_no_task_has_routed_in_time(recipient: Recipient) -> None:
    now = timezone.now()
    young, old, oldest, routed = (receive(recipient) for _ in range(4))
    route([routed.id])
    for message, age in ((young, -10), (old, 10), (oldest, 20)):
        Message.objects.filter(id=message.id).update(route_due_at=now - timedelta(seconds=age))
    assert overdue_messages().next_page() == [oldest.id, old.id]
