"""`/health` is alone in the world; `/ready` asks everybody and waits for nobody."""

import socket
import threading
import uuid
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Domain
from delivery.models import Delivery, Message, RawMessage
from delivery.tests.records import create_endpoint
from fastsmtp import __version__, health
from fastsmtp.config import config
from fastsmtp.tests.smtp_server import SMTPServer


def _get(path: str) -> Any:
    return Client().get(f"/api/v1{path}")


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """For those that answer, however slow the machine is."""
    monkeypatch.setattr(health, "TIMEOUT", 30.0)


@pytest.fixture
def impatience(_patience: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """For those that never answer."""
    monkeypatch.setattr(health, "TIMEOUT", 1.0)


@pytest.fixture
def other_config(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Variables set here are read again."""
    config.cache_clear()
    yield monkeypatch
    config.cache_clear()


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_health_needs_neither_key_nor_database() -> None:
    # Without the mark `django_db`, pytest-django refuses every query.
    response = _get("/health")
    assert response.status_code == 200
    assert response.json() == {
        "status": "ok",
        "version": __version__,
        "instance_id": config().instance_id,
    }


@pytest.mark.django_db
def test_ready(broker: str) -> None:
    response = _get("/ready")
    assert response.status_code == 200
    assert response.json() == {
        "status": "ok",
        "database": "ok",
        "broker": "ok",
        "smtp": None,
        "queue": None,
    }
    assert "no-store" in response["Cache-Control"]


def test_without_a_database_it_is_not_ready() -> None:
    # pytest-django refuses the query: as good as a server that does.
    response = _get("/ready?include_queue")
    assert response.status_code == 503
    body = response.json()
    assert (body["status"], body["database"], body["queue"]) == ("unavailable",) * 2 + (None,)


@pytest.mark.django_db
@pytest.mark.usefixtures("impatience")
@pytest.mark.parametrize("port", ["closed", "silent"])
def test_without_a_broker_it_is_ready(
    other_config: pytest.MonkeyPatch, silent_port: int, port: str
) -> None:
    number = silent_port if port == "silent" else 1
    other_config.setenv("FASTSMTP_REDIS_URL", f"redis://127.0.0.1:{number}/0")
    response = _get("/ready")
    assert response.status_code == 200
    assert response.json()["broker"] == "unavailable"


@pytest.mark.django_db
@pytest.mark.usefixtures("impatience")
def test_smtp_is_asked_when_wanted(other_config: pytest.MonkeyPatch, silent_port: int) -> None:
    other_config.setenv("FASTSMTP_SMTP_PORT", str(silent_port))
    assert _get("/ready?include_smtp=true").json()["smtp"] == "unavailable"
    assert _get("/ready?include_smtp=false").json()["smtp"] is None


@pytest.mark.django_db
def test_smtp_that_greets_is_ok(other_config: pytest.MonkeyPatch) -> None:
    with SMTPServer() as server:
        other_config.setenv("FASTSMTP_SMTP_PORT", str(server.port))
        assert _get("/ready?include_smtp").json()["smtp"] == "ok"


@pytest.mark.django_db(transaction=True)
def test_an_empty_queue() -> None:
    queue = _get("/ready?include_queue").json()["queue"]
    assert queue.pop("oldest_transaction_seconds") in (None, 0)
    assert queue == {
        "pending": 0,
        "failed": 0,
        "held": 0,
        "exhausted": 0,
        "oldest_pending_seconds": None,
    }


@pytest.mark.django_db(transaction=True)
def test_the_queue() -> None:
    domain = Domain.objects.create(domain_name="example.com")
    now = timezone.now()
    endpoint = create_endpoint(domain, due_at=now)
    for number, status in enumerate(["pending", "failed", "failed", "exhausted", "delivered"]):
        Delivery.objects.create(
            message=_message(domain),
            recipient_address=f"r{number}@example.com",
            endpoint=endpoint,
            status=status,
            due_at=now if status in Delivery.OPEN else None,
            created_at=now - timedelta(seconds=100 * number),
        )
    _message(domain, route_due_at=now, received_at=now - timedelta(seconds=150))
    queue = _get("/ready?include_queue").json()["queue"]
    assert 200 <= queue.pop("oldest_pending_seconds") < 290
    assert queue.pop("oldest_transaction_seconds") in (None, 0)
    assert queue == {"pending": 2, "failed": 2, "held": 0, "exhausted": 1}


@pytest.mark.django_db(transaction=True)
def test_what_is_held_makes_no_queue_look_old() -> None:
    domain, now = Domain.objects.create(domain_name="example.com"), timezone.now()
    endpoint = create_endpoint(domain, due_at=now, state="disabled")
    Delivery.objects.create(
        message=_message(domain),
        recipient_address="r@example.com",
        endpoint=endpoint,
        due_at=now,
        created_at=now - timedelta(days=5),
    )
    queue = _get("/ready?include_queue").json()["queue"]
    assert queue.pop("oldest_transaction_seconds") in (None, 0)
    assert queue == {
        "pending": 0,
        "failed": 0,
        "held": 1,
        "exhausted": 0,
        "oldest_pending_seconds": None,
    }


@pytest.mark.django_db(transaction=True)
def test_mail_that_waits_for_routing_is_pending() -> None:
    """With no worker alive there are no deliveries at all."""
    since = timezone.now() - timedelta(seconds=60)
    _message(
        Domain.objects.create(domain_name="example.com"), route_due_at=since, received_at=since
    )
    queue = _get("/ready?include_queue").json()["queue"]
    assert queue["pending"] == 1
    assert queue["oldest_pending_seconds"] >= 60


@pytest.mark.django_db(transaction=True)
def test_a_deep_queue_is_counted_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "MAX_COUNTED", 2)
    domain, now = Domain.objects.create(domain_name="example.com"), timezone.now()
    endpoint = create_endpoint(domain, due_at=now)
    for status in ["pending", "exhausted"]:
        for number in range(3):
            Delivery.objects.create(
                message=_message(domain, route_due_at=now),
                recipient_address=f"r{number}@example.com",
                endpoint=endpoint,
                status=status,
                due_at=now if status in Delivery.OPEN else None,
            )
    queue = _get("/ready?include_queue").json()["queue"]
    assert (queue["pending"], queue["failed"], queue["exhausted"]) == (4, 0, 2)


@pytest.mark.usefixtures("impatience")
def test_an_answer_that_hangs_is_not_waited_for() -> None:
    never = threading.Event()
    try:
        assert health._in_time("backlog", partial(never.wait, 60), health._counters) is None
    finally:
        never.set()


def _message(domain: Domain, **fields: Any) -> Message:
    raw = RawMessage.objects.create(size=0, sha256=uuid.uuid4().hex, content=b"")
    return Message.objects.create(
        domain=domain, raw=raw, rcpt_to=[], client_ip="192.0.2.1", size=0, instance_id="x", **fields
    )


@pytest.mark.django_db
def test_counts_that_hang_make_nobody_unready(monkeypatch: pytest.MonkeyPatch) -> None:
    is_over = threading.Event()
    monkeypatch.setattr(health, "_look_at_backlog", is_over.wait)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(health, "TIMEOUT", 0.2)
            for _ in range(4):
                assert _get("/ready?include_queue").json()["queue"] is None
        assert _get("/ready").json()["database"] == "ok"
    finally:
        is_over.set()


def test_a_failure_is_told_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(health, "_silent", set())
    for _ in range(3):
        assert _get("/ready").json()["database"] == "unavailable"
    assert [record.message for record in caplog.records].count(
        "no answer of the database: RuntimeError"
    ) == 1
