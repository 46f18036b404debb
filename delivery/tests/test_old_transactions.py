"""A transaction that stays open keeps what claims pass over: it shows, and nothing is lost."""

import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from delivery.courier import slow_claims
from delivery.courier.slow_claims import ClaimWatch
from delivery.models import Delivery, Endpoint, Recipient
from delivery.tests.plans import scans_of, statements_of
from delivery.tests.records import create_message
from delivery.tests.waiting_mail import TIMEOUT, add_due, claim_from
from fastsmtp.api.tests.caller import get

pytestmark = pytest.mark.django_db(transaction=True)
on_postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="its snapshots")

DELIVERED = 2000
LEFT = 20

type Session = psycopg.Connection[Any]


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """For the answer of a slow machine."""
    monkeypatch.setattr("fastsmtp.health.TIMEOUT", 30.0)


@pytest.fixture
def old_transaction() -> Iterator[Session]:
    """Somebody else's, a backup for example. It ends with `commit`."""
    wanted = ("host", "port", "user", "password", "dbname")
    parameters = connection.get_connection_params()
    known = {name: parameters[name] for name in wanted if parameters.get(name)}
    with psycopg.connect(**known) as session:
        session.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        session.execute("SELECT 1 FROM deliveries")
        yield session


def _age(session: Session) -> float:
    (row,) = session.execute("SELECT EXTRACT(EPOCH FROM clock_timestamp() - now())").fetchall()
    return float(row[0])


def _shown_age() -> Any:
    return get("/ready?include_queue").json()["queue"]["oldest_transaction_seconds"]


@on_postgresql
def test_its_age_is_shown_until_it_ends(old_transaction: Session) -> None:
    before = _age(old_transaction)
    shown = _shown_age()
    assert before <= shown <= _age(old_transaction)
    old_transaction.commit()
    assert _shown_age() == 0


@on_postgresql
def test_a_session_that_holds_nothing_back_does_not_count(old_transaction: Session) -> None:
    old_transaction.commit()
    old_transaction.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
    old_transaction.execute("SELECT 1 FROM deliveries")  # and then idle, without a snapshot
    assert _shown_age() == 0


@pytest.mark.skipif(connection.vendor == "postgresql", reason="it has them")
def test_other_databases_have_no_such_thing() -> None:
    assert _shown_age() is None


@on_postgresql
def test_claims_pass_over_what_it_keeps_until_it_ends(
    recipient: Recipient, endpoint: Endpoint, old_transaction: Session
) -> None:
    message, now = create_message(recipient.domain), timezone.now()
    Delivery.objects.bulk_create(
        Delivery(
            message=message,
            domain=recipient.domain,
            recipient=recipient,
            endpoint=endpoint,
            recipient_address=f"{number}@example.com",
            due_at=now,
        )
        for number in range(DELIVERED)
    )
    old_transaction.commit()
    old_transaction.execute("SELECT 1 FROM deliveries")
    Delivery.objects.update(status=Delivery.Status.DELIVERED, due_at=None)
    waiting = {add_due(recipient, endpoint, age=0).id for _ in range(LEFT)}

    claimed, blocks = _claim_half(endpoint)
    old_transaction.commit()
    claimed_then, blocks_then = _claim_half(endpoint)

    assert blocks > 5 * blocks_then
    assert claimed | claimed_then == waiting
    assert claimed.isdisjoint(claimed_then)


def _claim_half(endpoint: Endpoint) -> tuple[set[UUID], int]:
    """After what autovacuum does: what was claimed, and how many blocks finding it takes."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE deliveries")
    claimed: set[UUID] = set()

    def claim() -> None:
        claimed.update(job.delivery_id for job in claim_from(endpoint, slots=LEFT // 2).jobs)

    (statement,) = (sql for sql in statements_of(claim) if "SKIP LOCKED" in sql)
    (scan,) = scans_of(statement, "deliveries")
    assert scan["Index Name"] == "deliveries_due"
    return claimed, scan["Shared Hit Blocks"] + scan["Shared Read Blocks"]


def _warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if record.name == slow_claims.__name__]


def test_a_slow_claim_is_told_once_in_a_while(
    recipient: Recipient,
    endpoint: Endpoint,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    add_due(recipient, endpoint)
    watch = ClaimWatch(slow=0)
    assert len(watch.claim({endpoint.id: 1}, timeout=TIMEOUT).jobs) == 1
    watch.claim({endpoint.id: 1}, timeout=TIMEOUT)
    (warning,) = _warnings(caplog)
    assert re.match(r"a claim of 1 deliveries took \d+\.\d+ s", warning)
    assert ("the oldest transaction" in warning) == (connection.vendor == "postgresql")
    monkeypatch.setattr(slow_claims, "QUIET", 0)
    again = ClaimWatch(slow=0)
    for _ in range(2):
        again.claim({endpoint.id: 1}, timeout=TIMEOUT)
    assert len(_warnings(caplog)) == 3


def test_a_claim_as_usual_is_not(endpoint: Endpoint, caplog: pytest.LogCaptureFixture) -> None:
    ClaimWatch(slow=60).claim({endpoint.id: 1}, timeout=TIMEOUT)
    assert not _warnings(caplog)


def test_what_was_claimed_is_not_lost_when_nobody_can_tell_why(
    recipient: Recipient,
    endpoint: Endpoint,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail() -> None:
        raise OperationalError("the server is gone")

    monkeypatch.setattr(slow_claims, "oldest_transaction_seconds", fail)
    add_due(recipient, endpoint)
    assert len(ClaimWatch(slow=0).claim({endpoint.id: 1}, timeout=TIMEOUT).jobs) == 1
    assert len(_warnings(caplog)) == 1
