"""The workers are told of new mail, and no sender waits for that."""

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

import pytest
import redis

from accounts.models import Domain
from delivery.models import Message
from delivery.tasks import route_messages
from fastsmtp.task_queue import MAX_RINGING
from harness.processes import free_port
from harness.waiting import wait_until
from ingest.bell import MAX_IDS, Bell
from ingest.tests.dialogue import send_mail
from ingest.tests.running import ServerProcess

NAME = "fastsmtp"
FULL = "10000 tasks wait: no more are added"
AWAY = "the broker is away, workers will find new mail by themselves"


class Queue:
    """The tasks that wait in the broker."""

    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(url)

    def tasks(self) -> list[list[str]]:
        """The message ids of each, first come first."""
        tasks: Sequence[str | bytes] = self._client.lrange(NAME, 0, -1)
        return [_message_ids(task) for task in reversed(tasks)]

    def fill(self) -> None:
        """With as many as may wait."""
        self._client.lpush(NAME, *["a task"] * MAX_RINGING)

    def empty(self) -> None:
        self._client.delete(NAME)

    def count(self) -> int:
        return self._client.llen(NAME)

    def ids(self) -> list[str]:
        return [message_id for task in self.tasks() for message_id in task]


def _message_ids(task: str | bytes) -> list[str]:
    _, arguments, _ = json.loads(base64.b64decode(json.loads(task)["body"]))
    message_ids: list[str] = arguments["message_ids"]
    return message_ids


@pytest.fixture
def queue(broker: str) -> Queue:
    return Queue(broker)


def test_a_stored_message_is_rung_for(queue: Queue, port: int) -> None:
    reply = send_mail(port)
    wait_until(queue.tasks)
    (message_id,) = queue.ids()
    assert reply == f"250 2.0.0 Ok: queued as {message_id}"
    assert Message.objects.get().pk.hex == message_id.replace("-", "")


def test_ids_share_tasks_and_come_once(queue: Queue) -> None:
    ids = [uuid4() for _ in range(3 * MAX_IDS)]
    bell = Bell()
    for start in range(0, len(ids), 5):
        bell.ring(ids[start : start + 5])
    bell.start()
    bell.stop()
    assert queue.ids() == [str(message_id) for message_id in ids]
    assert [len(task) for task in queue.tasks()] == [MAX_IDS] * 3


def test_stopping_rings_for_what_is_left(queue: Queue) -> None:
    bell = Bell()
    bell.start()
    bell.ring([uuid4()])
    bell.stop()
    assert len(queue.ids()) == 1


def test_an_unexpected_error_does_not_silence_it(
    queue: Queue, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bell = Bell()
    with monkeypatch.context() as patch:
        patch.setattr(route_messages, "apply_async", None)
        bell.start()
        bell.ring([uuid4()])
        wait_until(lambda: "unexpected error, the bell goes on" in caplog.text)
    message_id = uuid4()
    bell.ring([message_id])
    bell.stop()
    assert queue.ids() == [str(message_id)]


def test_nothing_is_added_to_what_no_worker_takes(
    queue: Queue, caplog: pytest.LogCaptureFixture
) -> None:
    queue.fill()
    bell = Bell()
    for _ in range(3 * MAX_IDS):
        bell.ring([uuid4()])
    bell.start()
    bell.stop()
    assert queue.count() == MAX_RINGING
    assert caplog.text.count(FULL) == 1


def test_it_rings_again_when_tasks_are_taken(
    queue: Queue, caplog: pytest.LogCaptureFixture
) -> None:
    queue.fill()
    bell = Bell()
    bell.start()
    bell.ring([uuid4()])
    wait_until(lambda: FULL in caplog.text)
    queue.empty()

    def is_heard() -> bool:
        bell.ring([uuid4()])
        return bool(queue.count())

    wait_until(is_heard)
    bell.stop()
    assert caplog.text.count("tasks wait: they are added again") == 1


@pytest.mark.parametrize("is_hung", [False, True], ids=["away", "hung"])
def test_without_a_broker_mail_is_taken_and_left_to_the_sweep(
    domain: Domain, tmp_path: Path, busy_port: int, is_hung: bool
) -> None:
    broker_port = busy_port if is_hung else free_port()
    with ServerProcess(tmp_path, redis_url=f"redis://127.0.0.1:{broker_port}/1") as server:
        for _ in range(5):
            assert send_mail(server.port).startswith("250 ")
        wait_until(lambda: AWAY in server.log())
        assert send_mail(server.port).startswith("250 ")
        assert server.process.end() == 0
        assert server.log().count(AWAY) == 1
    assert Message.objects.filter(route_due_at__isnull=False).count() == 6
