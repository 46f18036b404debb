"""A task, the sweep and another worker may all route the same message; one of them does."""

from functools import partial

import pytest
from django.db import connection, transaction

from delivery.courier.sweeper import overdue_messages
from delivery.models import Delivery, Endpoint, Message, Recipient
from delivery.routing.routing import route
from delivery.tests.submissions import ids_of, receive
from delivery.tests.threads import at_once

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]


def test_one_after_the_other(recipient: Recipient) -> None:
    message = receive(recipient)
    assert len(route([message.id])) == 1
    assert route([message.id]) == set()
    assert Delivery.objects.count() == 1


def test_the_same_id_twice_in_one_task(recipient: Recipient) -> None:
    message = receive(recipient)
    route([message.id, message.id])
    assert Delivery.objects.count() == 1


def test_a_routed_message_is_not_overdue(recipient: Recipient) -> None:
    message = receive(recipient)
    Message.objects.update(route_due_at=message.received_at)
    assert overdue_messages().next_page() == [message.id]
    route([message.id])
    assert overdue_messages().next_page() == []


@pytest.mark.django_db(transaction=True)
def test_at_the_same_time(recipient: Recipient) -> None:
    """The endpoint is new to both."""
    messages = [receive(recipient) for _ in range(30)]
    ids = ids_of(messages)
    woken = at_once(partial(route, ids), partial(route, ids))
    assert set(Delivery.objects.values_list("message_id", flat=True)) == set(ids)
    assert Delivery.objects.count() == len(ids)
    assert set().union(*woken) == {Endpoint.objects.get().id}
    assert not Message.objects.filter(route_due_at__isnull=False).exists()


@pytest.mark.django_db(transaction=True)
def test_two_workers_meet_a_url_at_the_same_time(recipient: Recipient) -> None:
    mine, theirs = receive(recipient), receive(recipient)
    assert (
        at_once(partial(route, [mine.id]), partial(route, [theirs.id]))
        == [{Endpoint.objects.get().id}] * 2
    )
    assert Delivery.objects.count() == 2


@pytest.mark.skipif(connection.vendor == "sqlite", reason="it has one writer at a time")
@pytest.mark.django_db(transaction=True)
def test_what_somebody_else_is_routing_is_not_waited_for(recipient: Recipient) -> None:
    theirs, free = receive(recipient), receive(recipient)
    with transaction.atomic():
        Message.objects.select_for_update().get(id=theirs.id)
        at_once(partial(route, [theirs.id, free.id]))
        assert Delivery.objects.get().message == free
