"""What beat rings for, nobody has to hear; but it does not fill a broker that nobody empties."""

import pytest
import redis
from celery.beat import ScheduleEntry

from fastsmtp.beat import OutageScheduler
from fastsmtp.celery import app
from fastsmtp.task_queue import MAX_RINGING, MAX_WAITING


@pytest.mark.parametrize(
    ("waiting", "added"),
    [(MAX_RINGING, 1), (MAX_WAITING - 1, 1), (MAX_WAITING, 0)],
    ids=["no room for smtpd", "room for one", "full"],
)
def test_it_adds_nothing_to_what_no_worker_takes(broker: str, waiting: int, added: int) -> None:
    entry = ScheduleEntry(name="a task", task="some.task", schedule=1.0, app=app)
    with redis.Redis.from_url(broker) as client:
        client.lpush("fastsmtp", *["a task"] * waiting)
        OutageScheduler(app, lazy=True).apply_entry(entry)
        assert client.llen("fastsmtp") == waiting + added
