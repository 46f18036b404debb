"""Is this instance alive (`/health`), and can it do its work (`/ready`)?"""

import logging
import smtplib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any

import redis
from django.db import connection
from django.utils import timezone
from rest_framework.decorators import api_view, authentication_classes, permission_classes
from rest_framework.request import Request
from rest_framework.response import Response

from delivery.intake.depth import Backlog, count_exhausted, look_at_backlog
from fastsmtp import __version__
from fastsmtp.config import config
from fastsmtp.db import release_connection
from fastsmtp.old_snapshots import oldest_transaction_seconds
from fastsmtp.smtp_client import local_target

TIMEOUT = 1.0  # seconds for each answer
MAX_COUNTED = 100_000  # deliveries of a kind; with more, this is the answer

# A hung server keeps the thread that asks it. Probes come every few seconds: with all threads
# stuck, later ones time out in the line, and nothing grows. Anybody may ask for counts: they have
# threads of their own, so that slow ones make nobody unready.
_probes = ThreadPoolExecutor(max_workers=4, thread_name_prefix="readiness")
_counters = ThreadPoolExecutor(max_workers=2, thread_name_prefix="counts")

log = logging.getLogger(__name__)
_silent: set[str] = set()  # who did not answer the last time


@api_view(["GET"])
@authentication_classes([])
@permission_classes([])
def health(request: Request) -> Response:
    return Response({"status": "ok", "version": __version__, "instance_id": config().instance_id})


@api_view(["GET"])
@authentication_classes([])
@permission_classes([])
def ready(request: Request) -> Response:
    """Only a missing database is a 503: without a broker everything works, a second later."""
    has_database = _succeeds("database", _ask_database)
    body: dict[str, Any] = {
        "status": "ok" if has_database else "unavailable",
        "database": _word(has_database),
        "broker": _word(_succeeds("broker", _ask_broker)),
        "smtp": _word(_succeeds("SMTP server", _ask_smtp))
        if _wants(request, "include_smtp")
        else None,
        "queue": None,
    }
    if has_database and _wants(request, "include_queue"):
        body["queue"] = _queue()
    status = HTTPStatus.OK if has_database else HTTPStatus.SERVICE_UNAVAILABLE
    return Response(body, status=status, headers={"Cache-Control": "no-store"})


def _wants(request: Request, name: str) -> bool:
    """`?include_queue` and `?include_queue=true` are the same."""
    return request.query_params.get(name, "false").lower() not in ("false", "0", "no")


def _word(is_up: bool) -> str:
    return "ok" if is_up else "unavailable"


def _succeeds(name: str, ask: Callable[[], Any]) -> bool:
    return _in_time(name, ask, _probes) is not None


def _in_time[T](name: str, ask: Callable[[], T], threads: ThreadPoolExecutor) -> T | None:
    """The answer, or None if it is an error or does not come within `TIMEOUT`. The first failure in
    a row is logged, by its type alone: the text may name more than a log should."""
    future = threads.submit(ask)
    try:
        answer = future.result(timeout=TIMEOUT)
    except Exception as error:
        # Whatever it is, what it means for readiness is the same.
        future.cancel()
        if name not in _silent:
            log.warning("no answer of the %s: %s", name, type(error).__name__)
        _silent.add(name)
        return None
    _silent.discard(name)
    return answer


def _ask_database() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return True
    finally:
        release_connection()


def _ask_broker() -> bool:
    with redis.Redis.from_url(
        config().broker_url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT
    ) as client:
        return client.ping()


def _ask_smtp() -> bool:
    host = local_target(config().smtp_host)
    with smtplib.SMTP(host, config().smtp_port, timeout=TIMEOUT) as smtp:
        smtp.noop()
    return True


def _queue() -> dict[str, Any] | None:
    """None when it cannot be told in time."""
    backlog = _in_time("backlog", _look_at_backlog, _counters)
    if backlog is None:
        return None
    age = (timezone.now() - backlog.since).total_seconds() if backlog.since else None
    return {
        "pending": backlog.pending,
        "failed": backlog.failed,
        "held": backlog.held,
        "exhausted": _in_time("exhausted", _count_exhausted, _counters),
        "oldest_pending_seconds": age,
        "oldest_transaction_seconds": _in_time(
            "transactions", _look_for_old_transactions, _counters
        ),
    }


def _look_at_backlog() -> Backlog:
    try:
        return look_at_backlog(at_most=MAX_COUNTED)
    finally:
        release_connection()


def _count_exhausted() -> int:
    try:
        return count_exhausted(at_most=MAX_COUNTED)
    finally:
        release_connection()


def _look_for_old_transactions() -> float | None:
    try:
        return oldest_transaction_seconds()
    finally:
        release_connection()
