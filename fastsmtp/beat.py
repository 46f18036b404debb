"""Celery's beat, made to live with a broker that is away, or hangs."""

import logging
import os
import signal
from typing import Any

from celery.apps.beat import Beat as CeleryBeat
from celery.beat import ScheduleEntry, Scheduler, SchedulingError, Service

from fastsmtp.config import config
from fastsmtp.task_queue import MAX_WAITING, TaskQueue

log = logging.getLogger(__name__)


class OutageScheduler(Scheduler):
    """Celery's own logs two stack traces every second for as long as the broker is away.

    Its schedule is in memory: a file to remember the last runs could be damaged by a kill, and
    what beat calls is due every few seconds anyway.
    """

    _is_broken = False

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._queue = TaskQueue(config().broker_url)

    def apply_entry(self, entry: ScheduleEntry, producer: Any = None) -> None:
        if self._queue.is_full(MAX_WAITING):
            return
        try:
            self.apply_async(entry, producer=producer, advance=False)
        except SchedulingError as error:
            if not self._is_broken:
                log.warning("the broker is away: %s", error)
            self._is_broken = True
        else:
            if self._is_broken:
                log.warning("the broker is back")
            self._is_broken = False


class Beat(CeleryBeat):
    def install_sync_handler(self, service: Service) -> None:
        """Celery's handler raises SystemExit wherever the program is just now, and redis-py loses
        it while it waits for a hung Redis. There is nothing to save, so we leave at once."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: os._exit(0))
