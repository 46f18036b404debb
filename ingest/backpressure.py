"""Mail is deferred while too much of it waits for its webhooks.

A thread looks at the depth of the queue from time to time; sessions read what it saw last, which
costs them nothing.
"""

import logging
import threading
import time

from django.db import DatabaseError, InterfaceError

from delivery.intake.depth import count_waiting
from fastsmtp.db import release_connection
from ingest.chores import Surviving

log = logging.getLogger(__name__)

INTERVAL = 3.0  # seconds between two looks
REST = 50  # times as long as a look took, until the next: 2 % of a core
LONGEST_PAUSE = 60.0  # seconds; on a database that crawls, knowing costs more than that


def pause_after(cost: float) -> float:
    """Seconds between a look and the next; `cost`: what the look took."""
    return min(max(INTERVAL, REST * cost), LONGEST_PAUSE)


class Backpressure:
    def __init__(self, max_pending: int) -> None:
        """`max_pending`: deliveries that may wait; 0 for any number."""
        self.is_full = False
        self._max_pending = max_pending
        self._is_blind = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="backpressure")

    def start(self) -> None:
        if self._max_pending:
            self._thread.start()

    def stop(self) -> None:
        """Waits for a look that is under way."""
        self._stopping.set()
        if self._max_pending:
            self._thread.join()

    def _run(self) -> None:
        surviving = Surviving("backpressure")
        pause = 0.0
        while not self._stopping.wait(pause):
            pause = INTERVAL
            with surviving:
                pause = pause_after(self._look())

    def _look(self) -> float:
        """Returns its cost in seconds. Without a database, what was seen last stays."""
        began = time.monotonic()
        try:
            count = count_waiting(at_most=self._max_pending + 1)
        except (DatabaseError, InterfaceError) as error:
            if not self._is_blind:
                log.warning("the depth of the queue is not known for now: %s", error)
            self._is_blind = True
            return 0.0  # waiting is no work
        finally:
            release_connection()
        self._is_blind = False
        self._judge(is_full=count > self._max_pending)
        return time.monotonic() - began

    def _judge(self, *, is_full: bool) -> None:
        if is_full and not self.is_full:
            log.warning("more than %d deliveries wait: new mail is deferred", self._max_pending)
        elif self.is_full and not is_full:
            log.warning("%d deliveries wait or fewer: mail is taken again", self._max_pending)
        self.is_full = is_full
