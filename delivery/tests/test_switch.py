"""People close an endpoint and open it again; what waits there changes no row."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from delivery.courier.courier import Courier
from delivery.lanes.answers import Kind
from delivery.lanes.health import LaneState
from delivery.lanes.switch import disable, enable
from delivery.models import Delivery, Endpoint, Lane, Recipient
from delivery.tests.courier_steps import all_delivered, move, send, settled
from delivery.tests.outcomes import record_one
from delivery.tests.waiting_mail import add_due, claim_from, claim_one
from delivery.tests.webhook_receiver import WebhookReceiver
from fastsmtp.ids import uuid7
from harness.waiting import wait_until

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]

Status = Delivery.Status
State = Lane.State


def test_disabled_holds_what_waits(recipient: Recipient, endpoint: Endpoint) -> None:
    add_due(recipient, endpoint)
    disable(endpoint.id, reason="by alice")
    lane = Lane.objects.get()
    assert (lane.state, lane.disabled_reason) == (State.DISABLED, "by alice")
    assert claim_from(endpoint).closed == {endpoint.id: None}


def test_a_call_under_way_may_still_succeed(recipient: Recipient, endpoint: Endpoint) -> None:
    add_due(recipient, endpoint)
    job = claim_one(endpoint)
    disable(endpoint.id, reason="by alice")
    record_one(job, Kind.DELIVERED)
    assert Delivery.objects.get().status == Status.DELIVERED
    assert Lane.objects.get().state == State.DISABLED


@pytest.mark.parametrize("state", [State.DISABLED, State.PAUSED])
def test_enabled_it_is_probed_at_once(
    recipient: Recipient, endpoint: Endpoint, state: LaneState
) -> None:
    for _ in range(3):
        add_due(recipient, endpoint)
    Lane.objects.update(state=state, paused_until=timezone.now() + timedelta(hours=1))
    assert enable(endpoint.id).state == State.PROBING
    assert len(claim_from(endpoint).jobs) == 1
    assert claim_from(endpoint).jobs == []


def test_what_it_was_blamed_for_is_forgotten(recipient: Recipient, endpoint: Endpoint) -> None:
    """Else its first failure would disable it again: it failed for five days."""
    Lane.objects.update(
        state=State.DISABLED,
        disabled_reason="no success for 5 days",
        failing_since=timezone.now() - timedelta(days=6),
        consecutive_failures=99,
        pause_count=12,
    )
    enable(endpoint.id)
    add_due(recipient, endpoint)
    record_one(claim_one(endpoint), Kind.FAST)
    lane = Lane.objects.get()
    assert (lane.state, lane.disabled_reason, lane.consecutive_failures) == (State.PAUSED, "", 1)


def test_one_that_works_is_left_alone(endpoint: Endpoint) -> None:
    before = Lane.objects.values().get()
    assert enable(endpoint.id).state == State.ACTIVE
    assert Lane.objects.values().get() == before


@pytest.mark.parametrize("action", [enable, lambda id: disable(id, reason="x")])
def test_one_that_is_gone(action: Any) -> None:
    with pytest.raises(Lane.DoesNotExist):
        action(uuid7())


@pytest.mark.parametrize("held", [1, 40])
def test_it_costs_the_same_however_much_is_held(
    recipient: Recipient, endpoint: Endpoint, held: int, django_assert_num_queries: Any
) -> None:
    for _ in range(held):
        add_due(recipient, endpoint)
    for turn in (lambda: disable(endpoint.id, reason="x"), lambda: enable(endpoint.id)):
        with django_assert_num_queries(5):  # savepoint, lane, its update, release, the URL
            turn()


@pytest.mark.django_db(transaction=True)
def test_what_was_held_is_delivered(
    courier: Courier, receiver: WebhookReceiver, recipient: Recipient
) -> None:
    receiver.answer("/", 410, 200)
    send(courier, move(recipient, receiver))
    receiver.wait_for_calls(1)
    settled(status=Status.PENDING)
    send(courier, recipient)
    endpoint_id = Lane.objects.get(state=State.DISABLED).pk
    enable(endpoint_id)
    courier.wake([endpoint_id])
    receiver.wait_for_calls(3)
    wait_until(all_delivered)
