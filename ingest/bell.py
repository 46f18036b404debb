"""Tells the workers which messages are new, without ever holding up a reply.

Ids gather for a few milliseconds, so that one task carries many. A broker that is away, or has
too many tasks waiting, loses the ringing, not the mail: the workers look for unrouted messages
themselves.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from uuid import UUID

from kombu.exceptions import OperationalError

from delivery.tasks import route_messages
from fastsmtp.config import config
from fastsmtp.task_queue import MAX_RINGING, TaskQueue
from ingest.chores import Surviving

log = logging.getLogger(__name__)

WINDOW = 0.010  # seconds between two tasks
BUSY_WINDOW = 0.080  # the same while mail pours in: a task has a fixed cost, so fewer are better
MANY_IDS = 8  # in one window: mail pours in
MAX_IDS = 200  # in one task
MAX_WAITING = 20_000  # ids; more are left to the sweep


class Bell:
    def __init__(self) -> None:
        self._ids: deque[UUID] = deque(maxlen=MAX_WAITING)
        self._rung = threading.Event()
        self._stopping = False
        self._is_broken = False
        self._queue = TaskQueue(config().broker_url)
        self._thread = threading.Thread(target=self._run, name="bell")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping = True
        self._rung.set()
        self._thread.join()
        self._queue.close()

    def ring(self, message_ids: Sequence[UUID]) -> None:
        self._ids.extend(message_ids)
        self._rung.set()

    def _run(self) -> None:
        surviving = Surviving("the bell")
        while not self._stopping or self._ids:
            self._rung.wait()
            self._rung.clear()
            is_busy = len(self._ids) >= MANY_IDS
            while self._ids:
                count = min(MAX_IDS, len(self._ids))
                with surviving:  # the sweep finds what is lost
                    self._publish([str(self._ids.popleft()) for _ in range(count)])
            if not self._stopping:
                time.sleep(BUSY_WINDOW if is_busy else WINDOW)

    def _publish(self, message_ids: list[str]) -> None:
        if self._queue.is_full(MAX_RINGING):
            return
        try:
            route_messages.apply_async(kwargs={"message_ids": message_ids})
        except (OperationalError, OSError) as error:
            if not self._is_broken:
                log.warning(
                    "the broker is away, workers will find new mail by themselves: %s", error
                )
            self._is_broken = True
            self._ids.clear()
        else:
            if self._is_broken:
                log.warning("the broker is back")
            self._is_broken = False
