"""The tasks that wait in the broker, and whether more may be added to them."""

import logging
import time

import redis

from fastsmtp.celery import BROKER_TIMEOUT, app

log = logging.getLogger(__name__)

# Some minutes of mail that pours in. While no worker takes any, each would be kept for ever; and
# what smtpd rings for, a worker finds by itself.
MAX_RINGING = 10_000  # tasks; with more waiting smtpd adds none
# Beat has room beyond: nobody else rings for the cleanup or a replay.
MAX_WAITING = 11_000  # tasks
LOOK_INTERVAL = 1.0  # seconds


class TaskQueue:
    """For one thread. It has a connection of its own."""

    def __init__(self, broker_url: str) -> None:
        self._broker = redis.Redis.from_url(
            broker_url, socket_timeout=BROKER_TIMEOUT, socket_connect_timeout=BROKER_TIMEOUT
        )
        self._is_full = False
        self._looked_at = float("-inf")

    def count(self) -> int | None:
        """None while the broker does not answer: what publishes and what consumes tell of it."""
        try:
            return self._broker.llen(app.conf.task_default_queue)
        except redis.RedisError:
            return None

    def is_full(self, most: int) -> bool:
        """As of the last second. `most`: tasks. A broker that does not answer has room."""
        now = time.monotonic()
        if now - self._looked_at < LOOK_INTERVAL:
            return self._is_full
        was_full, self._is_full = self._is_full, (self.count() or 0) >= most
        self._looked_at = now
        if self._is_full and not was_full:
            log.warning("%d tasks wait: no more are added", most)
        elif was_full and not self._is_full:
            log.warning("fewer than %d tasks wait: they are added again", most)
        return self._is_full

    def close(self) -> None:
        self._broker.close()
