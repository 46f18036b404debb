"""A database that lets outcomes wait, instead of failing, is as good as away: their claims run out
meanwhile, and nothing is called again."""

import time

import pytest
from django.db import connection

from delivery.courier.courier import Courier
from delivery.courier.lookout import POLL_INTERVAL
from delivery.models import Attempt, Delivery, Endpoint, Lane, Recipient
from delivery.tests.courier_steps import move, send
from delivery.tests.locks import locked_lanes
from delivery.tests.threads import somebody_waits
from delivery.tests.waiting_mail import add_due, expire_claims
from delivery.tests.webhook_receiver import WebhookReceiver
from fastsmtp.ids import uuid7
from harness.waiting import wait_until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.mariadb,
    pytest.mark.skipif(
        connection.vendor == "sqlite", reason="who waits for its writer cannot claim either"
    ),
]


def _give_up_claims(courier: Courier) -> None:
    """They run out, and for longer than the lookout rests the courier might take them again."""
    expire_claims()
    courier.wake([Lane.objects.get().pk])
    time.sleep(2 * POLL_INTERVAL)


def _assert_called_once(receiver: WebhookReceiver, count: int) -> None:
    wait_until(lambda: Delivery.objects.filter(status="delivered").count() == count)
    assert len(receiver.calls) == count
    assert set(Delivery.objects.values_list("attempts", flat=True)) == {1}
    assert set(Attempt.objects.values_list("outcome", flat=True)) == {"delivered"}


@pytest.fixture
def recipient(recipient: Recipient, receiver: WebhookReceiver) -> Recipient:
    receiver.hang("/")
    return move(recipient, receiver)


def test_a_record_that_is_blocked(
    courier: Courier,
    receiver: WebhookReceiver,
    recipient: Recipient,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("delivery.courier.recording.LATE", 0.2)
    for _ in range(2):
        send(courier, recipient)
    receiver.wait_for_calls(2)
    with locked_lanes():
        receiver.let_go("/")
        wait_until(lambda: "nothing is claimed meanwhile" in caplog.text)
        _give_up_claims(courier)
    _assert_called_once(receiver, 2)


def test_then_others_may_have_answers_to_write_as_well(
    courier: Courier,
    receiver: WebhookReceiver,
    recipient: Recipient,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Claims of theirs that ran out are left to them for a while."""
    monkeypatch.setattr("delivery.courier.recording.LATE", 0.2)
    monkeypatch.setattr("delivery.courier.database_threads.AFTERMATH", 3600.0)
    send(courier, recipient)
    receiver.wait_for_calls(1)
    with locked_lanes():
        receiver.let_go("/")
        wait_until(lambda: "nothing is claimed meanwhile" in caplog.text)
        add_due(recipient, Endpoint.objects.get(), claim_id=uuid7())
        expire_claims()
    wait_until(Delivery.objects.filter(status="delivered").exists)
    courier.wake([Lane.objects.get().pk])
    time.sleep(2 * POLL_INTERVAL)
    assert len(receiver.calls) == 1


def test_so_many_outcomes_that_the_database_does_not_keep_up(
    courier: Courier,
    receiver: WebhookReceiver,
    recipient: Recipient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("delivery.courier.recording.MANY", 0)
    send(courier, recipient)
    receiver.wait_for_calls(1)
    with locked_lanes():
        receiver.let_go("/")
        wait_until(somebody_waits)
        _give_up_claims(courier)
    _assert_called_once(receiver, 1)
