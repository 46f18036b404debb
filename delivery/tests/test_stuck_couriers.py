"""A courier that gets nowhere ends its worker, so that a new one takes its place."""

import time
from pathlib import Path

import pytest
from django.db import connection

from delivery.courier.watchdog import Standstill
from delivery.models import Delivery, Recipient
from delivery.routing.routing import route
from delivery.tests.courier_steps import move
from delivery.tests.locks import locked_lanes
from delivery.tests.submissions import receive
from delivery.tests.webhook_receiver import WebhookReceiver
from delivery.tests.worker_process import COURIER_PATIENCE, start_worker
from harness.waiting import wait_until


class TestStandstill:
    def test_the_same_thing_look_after_look(self) -> None:
        standstill, thing = Standstill(), object()
        assert [standstill.looks(thing) for _ in range(4)] == [0, 1, 2, 3]

    def test_another_thing_each_time(self) -> None:
        standstill = Standstill()
        assert [standstill.looks(object()) for _ in range(4)] == [0] * 4

    def test_nothing_at_all(self) -> None:
        standstill = Standstill()
        assert [standstill.looks(None) for _ in range(4)] == [0] * 4

    def test_a_pause_begins_anew(self) -> None:
        standstill, thing = Standstill(), object()
        things = (thing, thing, None, thing, thing)
        assert [standstill.looks(one) for one in things] == [0, 1, 0, 0, 1]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("what", ["loop", "claim", "record"])
def test_what_hangs_ends_the_worker(
    recipient: Recipient, receiver: WebhookReceiver, broker: str, tmp_path: Path, what: str
) -> None:
    route([receive(move(recipient, receiver)).id])
    worker = start_worker(tmp_path, broker_url=broker, hangs=what)
    try:
        wait_until(lambda: not worker.is_running, timeout=60)
        assert worker.end() == 1
    finally:
        worker.kill()
    log = worker.log.read_text()
    assert f"the courier's {what} has not moved for {COURIER_PATIENCE:g} s" in log
    assert "worker_process.py" in log.partition("most recent call first")[2]  # where it hangs


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="others limit these waits themselves")
def test_a_lock_that_is_not_given_for_long_is_an_outage_and_no_hang(
    recipient: Recipient, receiver: WebhookReceiver, broker: str, tmp_path: Path
) -> None:
    receiver.hang("/")
    route([receive(move(recipient, receiver)).id])
    worker = start_worker(tmp_path, broker_url=broker, hangs="nothing")
    try:
        receiver.wait_for_calls(1, timeout=60)
        with locked_lanes():
            receiver.let_go("/")
            worker.wait_until(lambda: "the database is away" in worker.tail())
            time.sleep(2 * COURIER_PATIENCE)
        worker.wait_until(Delivery.objects.filter(status="delivered").exists)
    finally:
        worker.kill()
    assert len(receiver.calls) == 1
