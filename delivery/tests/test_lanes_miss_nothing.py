"""Routing adds a delivery while the courier finds that a lane has nothing to do."""

import threading
from collections.abc import Callable
from functools import partial

import pytest
from django.db import connection, transaction
from django.utils import timezone

from delivery.lanes import lanes
from delivery.models import Delivery, Endpoint, Lane, Recipient
from delivery.routing.routing import route
from delivery.tests.records import create_delivery, create_message
from delivery.tests.submissions import receive
from delivery.tests.threads import at_once

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.mariadb]


def _add_due(recipient: Recipient, endpoint: Endpoint) -> Delivery:
    return create_delivery(
        create_message(recipient.domain), recipient, endpoint, due_at=timezone.now()
    )


def _in_thread(work: Callable[[], object]) -> threading.Thread:
    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def _assert_known(endpoint: Endpoint, delivery: Delivery) -> None:
    lane = Lane.objects.get(endpoint=endpoint)
    assert lane.due_at is not None
    assert delivery.due_at is not None
    assert lane.due_at <= delivery.due_at


def test_rest_waits_for_a_wake_that_is_not_committed(
    recipient: Recipient, endpoint: Endpoint
) -> None:
    Lane.objects.update(due_at=timezone.now())
    with transaction.atomic():
        delivery = _add_due(recipient, endpoint)
        lanes.wake([endpoint.id], at=timezone.now())
        resting = _in_thread(lambda: lanes.rest([endpoint.id]))
        resting.join(0.3)
        assert resting.is_alive(), "it did not wait"
    resting.join()
    _assert_known(endpoint, delivery)


def test_a_wake_waits_for_rest_that_is_not_committed(
    recipient: Recipient, endpoint: Endpoint
) -> None:
    def add() -> None:
        with transaction.atomic():
            delivery = _add_due(recipient, endpoint)
            lanes.wake([endpoint.id], at=delivery.due_at or timezone.now())

    Lane.objects.update(due_at=timezone.now())
    with transaction.atomic():
        assert lanes.rest([endpoint.id]) == {endpoint.id: None}
        adding = _in_thread(add)
        adding.join(0.3)
        assert adding.is_alive(), "it did not wait"
    adding.join()
    _assert_known(endpoint, Delivery.objects.get())


def test_at_the_same_time(recipient: Recipient) -> None:
    """Again and again, in whatever order they meet."""
    route([receive(recipient).id])
    endpoint = Endpoint.objects.get()
    for _ in range(15):
        Delivery.objects.update(status=Delivery.Status.DELIVERED, due_at=None)
        message = receive(recipient)

        at_once(partial(route, [message.id]), partial(lanes.rest, [endpoint.id]))
        _assert_known(endpoint, Delivery.objects.get(message=message))
