"""The only file that knows Celery. Every task may run twice or never; ids are all it carries.

A worker process has one courier. Routing runs in the worker's threads and wakes the courier of its
own process, which may work on any lane: claims keep processes apart.
"""

import logging
import os
import sys
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

from celery import Celery
from celery.signals import worker_init, worker_shutdown, worker_shutting_down
from django.db import InterfaceError, OperationalError

from delivery.by_hand import relocation, rotation
from delivery.courier.courier import Courier
from delivery.courier.dispatch import MAX_CALLS
from delivery.courier.lookout import due_lanes
from delivery.courier.sweeper import overdue_messages
from delivery.intake import repetitions
from delivery.replay import feeding
from delivery.retention.ages import Ages
from delivery.retention.cleanup import Cleaner
from delivery.retention.clock import ClocksDiffer
from delivery.retention.lease import LeaseTaken
from delivery.retention.pace import Pace
from delivery.routing import routing
from delivery.routing.sweep import sweep
from fastsmtp.celery import app
from fastsmtp.config import config
from fastsmtp.db import unit_of_work
from fastsmtp.hearing import Hearing
from fastsmtp.open_files import make_room

log = logging.getLogger(__name__)

DISPATCH_INTERVAL = 1.0  # seconds
FORGET_INTERVAL = 600.0  # seconds
CLEANUP_INTERVAL = 60.0  # seconds
CLEANUP_TIME = 10.0  # seconds of one run; the next one goes on
BACKGROUND_INTERVAL = 1.0  # seconds
# Routing, claiming and calling are threads that hand each other small pieces of work; with
# Python's 5 ms every hand-over waits for whoever computes just now.
SWITCH_INTERVAL = 0.002  # seconds

_cleaner = Cleaner()
_feeder = feeding.Feeder()
# What takes long has one of the worker's threads at most: fresh mail is routed by the others.
_background = threading.Lock()
_is_stopping = threading.Event()


@cache
def courier() -> Courier:
    """The courier of this worker process."""
    return Courier(config())


@cache
def hearing() -> Hearing:
    """Of this worker process."""
    return Hearing(config().broker_url, on_deaf=_end_deaf)


@worker_init.connect
def _start_courier(**_: Any) -> None:
    sys.setswitchinterval(SWITCH_INTERVAL)
    make_room(MAX_CALLS, f"{MAX_CALLS} calls of webhooks at once")
    courier().start()
    hearing().start()


def _end_deaf() -> None:
    """As SIGTERM ends a worker, for which its main thread would have to listen."""
    seconds = config().shutdown_timeout.total_seconds()
    hard_end = threading.Timer(seconds, os._exit, [1])
    hard_end.daemon = True
    hard_end.start()
    courier().stop()
    os._exit(1)


@worker_shutting_down.connect
def _stop_early(**_: Any) -> None:
    hearing().stop()
    _is_stopping.set()


@worker_shutdown.connect
def _stop_courier(**_: Any) -> None:
    courier().stop()


@app.task(
    name="delivery.route_messages",
    autoretry_for=(OperationalError, InterfaceError),
    retry_backoff=1,
    retry_backoff_max=30,
    max_retries=3,
)
def route_messages(*, message_ids: Sequence[str], **_: Any) -> None:
    """Routes new messages. Given up after three tries: the courier looks for them as well."""
    with unit_of_work():
        courier().wake(routing.route([uuid.UUID(message_id) for message_id in message_ids]))


@app.task(name="delivery.dispatch_due", ignore_result=True)
def dispatch_due(**_: Any) -> None:
    """What the courier does once a second by itself, rung by beat: two bells are safer than one."""
    with unit_of_work():
        courier().wake(due_lanes().next_page())
        overdue = overdue_messages().next_page()
    if overdue:
        _sweep(overdue)


def _sweep(overdue: Sequence[uuid.UUID]) -> None:
    with _in_background() as has_turn:
        if has_turn:
            courier().wake(sweep(overdue))


@app.task(name="delivery.forget_receptions", ignore_result=True)
def forget_receptions(**_: Any) -> None:
    """What is too old to be repeated need not be remembered."""
    with unit_of_work():
        repetitions.forget_old()


@app.task(name="delivery.clean_up", ignore_result=True)
def clean(**_: Any) -> None:
    """What is older than its retention, for some seconds; there is a next time."""
    with _in_background() as has_turn:
        if has_turn:
            _clean()


def _clean() -> None:
    try:
        pace = Pace(seconds=CLEANUP_TIME, stop=_is_stopping)
        report = _cleaner.run(Ages.of(config()), pace=pace)
    except LeaseTaken as error:
        log.info("another process does the %s", error)
        return
    except ClocksDiffer as error:
        log.error("no cleanup: %s", error)
        return
    if report.refused:
        log.warning("%d attachments stay in the bucket: %s", report.refused, report.refusal)


@app.task(name="delivery.erase_expired_secrets", ignore_result=True)
def erase_expired_secrets(**_: Any) -> None:
    """They sign no more since their time was over; this is for who gets a copy of the database."""
    with unit_of_work():
        rotation.erase_expired()


@app.task(name="delivery.feed_replays", ignore_result=True)
def feed_replays(**_: Any) -> None:
    """For a moment; rung again by beat for as long as there is a replay."""
    with _in_background() as has_turn:
        if has_turn:
            feeding.run(_feeder, wake=courier().wake)


@app.task(name="delivery.relocate", ignore_result=True)
def relocate(**_: Any) -> None:
    """Moves what waits at URLs that were corrected."""
    with _in_background() as has_turn:
        if has_turn:
            courier().wake(relocation.move_some())


@contextmanager
def _in_background() -> Iterator[bool]:
    """Whether it is free; beat rings again."""
    has_turn = _background.acquire(blocking=False)
    try:
        with unit_of_work():
            yield has_turn
    finally:
        if has_turn:
            _background.release()


@app.on_after_finalize.connect
def _schedule(sender: Celery, **_: Any) -> None:
    sender.add_periodic_task(DISPATCH_INTERVAL, dispatch_due.s(), expires=5)
    sender.add_periodic_task(BACKGROUND_INTERVAL, feed_replays.s(), expires=1)
    sender.add_periodic_task(BACKGROUND_INTERVAL, relocate.s(), expires=1)
    sender.add_periodic_task(FORGET_INTERVAL, forget_receptions.s(), expires=60)
    sender.add_periodic_task(CLEANUP_INTERVAL, clean.s(), expires=60)
    sender.add_periodic_task(FORGET_INTERVAL, erase_expired_secrets.s(), expires=60)
