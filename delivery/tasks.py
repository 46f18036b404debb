"""The only file that knows Celery. Every task may run twice or never; ids are all it carries.

A worker process has one courier. Routing runs in the worker's threads and wakes the courier of its
own process, which may work on any lane: claims keep processes apart.
"""

import sys
import uuid
from collections.abc import Sequence
from functools import cache
from typing import Any

from celery import Celery
from celery.signals import worker_init, worker_shutdown
from django.db import InterfaceError, OperationalError

from delivery import lanes, repetitions, routing, unrouted
from delivery.courier import DUE_LANES, OVERDUE_MESSAGES, Courier
from fastsmtp.celery import app
from fastsmtp.config import config
from fastsmtp.db import unit_of_work

DISPATCH_INTERVAL = 1.0  # seconds
FORGET_INTERVAL = 600.0  # seconds
# Routing, claiming and calling are threads that hand each other small pieces of work; with
# Python's 5 ms every hand-over waits for whoever computes just now.
SWITCH_INTERVAL = 0.002  # seconds


@cache
def courier() -> Courier:
    """The courier of this worker process."""
    return Courier(config())


@worker_init.connect
def _start_courier(**_: Any) -> None:
    sys.setswitchinterval(SWITCH_INTERVAL)
    courier().start()


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
        courier().wake(lanes.due(DUE_LANES))
        courier().wake(routing.route(unrouted.overdue(OVERDUE_MESSAGES)))


@app.task(name="delivery.forget_receptions", ignore_result=True)
def forget_receptions(**_: Any) -> None:
    """What is too old to be repeated need not be remembered."""
    with unit_of_work():
        repetitions.forget_old()


@app.on_after_finalize.connect
def _schedule(sender: Celery, **_: Any) -> None:
    sender.add_periodic_task(DISPATCH_INTERVAL, dispatch_due.s(), expires=5)
    sender.add_periodic_task(FORGET_INTERVAL, forget_receptions.s(), expires=60)
