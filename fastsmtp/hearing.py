"""Does this worker still hear the bell?

After trouble with its broker a worker can be up, connected, and hear nothing for ever. Mail flows
all the same, a second or two late, and for just that reason nobody would notice. So it looks at the
queue itself, on a connection of its own: tasks that wait there while it has time for them and takes
none mean that it is deaf, and what helps is a new process.
"""

import logging
import threading
from collections.abc import Callable

from celery.worker import state

from fastsmtp.task_queue import TaskQueue

log = logging.getLogger(__name__)

LOOK_INTERVAL = 5.0  # seconds
# Celery pauses for up to 30 s between its tries to connect, and needs as long to find out by itself
# that a connection is dead.
PATIENCE = 60.0  # seconds


class Watch:
    """What successive looks at the queue mean. A broker that does not answer is no deafness. Looks
    are counted, not time: a worker that was frozen has heard nothing meanwhile."""

    def __init__(self) -> None:
        self._looks = 0
        self._consumed = 0

    def is_deaf(self, *, waiting: int | None, consumed: int, is_busy: bool) -> bool:
        """`waiting`: tasks in the broker, None while that cannot be known. `consumed`: those that
        were taken since the start."""
        has_heard = consumed != self._consumed
        self._consumed = consumed
        self._looks = 0 if not waiting or has_heard or is_busy else self._looks + 1
        return self._looks > PATIENCE / LOOK_INTERVAL


class Hearing:
    """`start` and `stop` once. `on_deaf` is called in a thread, and then no more."""

    def __init__(self, broker_url: str, *, on_deaf: Callable[[], None]) -> None:
        self._queue = TaskQueue(broker_url)
        self._on_deaf = on_deaf
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hearing", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Who is about to end takes no more tasks."""
        self._stopping.set()

    def _run(self) -> None:
        watch = Watch()
        while not self._stopping.wait(LOOK_INTERVAL):
            if watch.is_deaf(
                waiting=self._queue.count(),
                consumed=state.all_total_count[0],
                is_busy=bool(len(state.reserved_requests)),
            ):
                log.critical("tasks wait, and this worker hears nothing of them; it ends")
                self._on_deaf()
                return
