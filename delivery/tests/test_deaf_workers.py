"""A worker that is up and hears nothing of its tasks ends, so that a new one takes its place."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from delivery.models import Delivery, Recipient
from delivery.routing.routing import route
from delivery.tasks import dispatch_due
from delivery.tests.broker_front import BrokerFront
from delivery.tests.courier_steps import move
from delivery.tests.submissions import receive
from delivery.tests.webhook_receiver import WebhookReceiver
from delivery.tests.worker_process import start_worker
from fastsmtp.celery import app
from fastsmtp.hearing import LOOK_INTERVAL, PATIENCE, Watch
from harness.servers import RedisServer
from harness.waiting import wait_until

LOOKS = round(PATIENCE / LOOK_INTERVAL)


class TestWatch:
    @pytest.fixture
    def watch(self) -> Watch:
        return Watch()

    def look(self, watch: Watch, **changes: object) -> list[bool]:
        """For longer than its patience."""
        values = {"waiting": 3, "consumed": 7, "is_busy": False, **changes}
        return [
            watch.is_deaf(**values)  # type: ignore[arg-type]
            for _ in range(2 * LOOKS)
        ]

    def test_tasks_that_wait_while_it_takes_none(self, watch: Watch) -> None:
        watch.is_deaf(waiting=0, consumed=7, is_busy=False)
        assert self.look(watch) == [look >= LOOKS for look in range(2 * LOOKS)]

    def test_an_empty_queue_or_a_broker_that_does_not_answer(self, watch: Watch) -> None:
        assert not any(self.look(watch, waiting=0))
        assert not any(self.look(watch, waiting=None))

    def test_threads_that_have_their_hands_full(self, watch: Watch) -> None:
        assert not any(self.look(watch, is_busy=True))

    def test_a_worker_that_takes_some_of_many(self, watch: Watch) -> None:
        for look in range(3 * LOOKS):
            assert not watch.is_deaf(waiting=10_000, consumed=look + 1, is_busy=False)

    def test_an_outage_begins_the_time_anew(self, watch: Watch) -> None:
        """After it, tasks wait until Celery has connected again."""
        for waiting in (3, None):
            for _ in range(LOOKS):
                assert not watch.is_deaf(waiting=waiting, consumed=0, is_busy=False)
        answers = self.look(watch, consumed=0)
        assert answers == [look >= LOOKS for look in range(2 * LOOKS)]


@pytest.fixture
def broker() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


def _ring(broker: RedisServer) -> None:
    with app.connection_for_write(broker.url) as connection:
        dispatch_due.apply_async(connection=connection)


def _is_empty(broker: RedisServer) -> bool:
    with redis.Redis.from_url(broker.url) as client:
        return client.llen("fastsmtp") == 0


@pytest.mark.django_db(transaction=True)
def test_it_finishes_the_call_under_way_and_ends(
    recipient: Recipient, receiver: WebhookReceiver, broker: RedisServer, tmp_path: Path
) -> None:
    message = receive(move(recipient, receiver))
    receiver.hang("/")
    with BrokerFront(broker.port) as front:
        worker = start_worker(tmp_path, broker_url=front.url)
        try:
            assert front.is_waited_for.wait(60)
            for _ in range(3):
                _ring(broker)
                worker.wait_until(lambda: _is_empty(broker))
            route([message.id])
            receiver.wait_for_calls(1)
            front.deafen()
            _ring(broker)
            _ring(broker)  # the first one may have been waited for already
            worker.wait_until(lambda: "this worker hears nothing" in worker.tail())
            receiver.let_go("/")
            wait_until(lambda: not worker.is_running)
            assert worker.end() == 1
        finally:
            worker.kill()
    assert Delivery.objects.get().status == Delivery.Status.DELIVERED
    assert len(receiver.calls) == 1
