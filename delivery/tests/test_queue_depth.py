"""How many deliveries wait, told without reading the table."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import Domain
from delivery.intake.depth import Backlog, count_waiting, look_at_backlog
from delivery.lanes.health import LaneState
from delivery.models import Delivery, Endpoint, Lane, Recipient
from delivery.tests.plans import Node, scans_of, statements_of
from delivery.tests.records import create_endpoint, create_message
from delivery.tests.waiting_mail import add_due

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]

NOW = timezone.now()


@pytest.fixture
def endpoint(domain: Domain) -> Endpoint:
    return create_endpoint(domain, due_at=NOW)


def count() -> int:
    return count_waiting(at_most=100)


def test_what_will_be_tried_counts(recipient: Recipient, endpoint: Endpoint) -> None:
    assert count() == 0
    add_due(recipient, endpoint)
    add_due(recipient, endpoint, age=-3600)  # a retry in an hour
    add_due(recipient, endpoint, claim_id=UUID(int=1), claimed_until=NOW + timedelta(minutes=1))
    assert count() == 3


def test_what_is_finished_does_not(recipient: Recipient, endpoint: Endpoint) -> None:
    add_due(recipient, endpoint, due_at=None, status=Delivery.Status.DELIVERED)
    assert count() == 0


@pytest.mark.parametrize("state", [LaneState.PAUSED, LaneState.PROBING])
def test_a_pause_changes_nothing(recipient: Recipient, endpoint: Endpoint, state: str) -> None:
    add_due(recipient, endpoint)
    Lane.objects.update(state=state)
    assert count() == 1


def test_what_a_disabled_lane_holds_does_not(recipient: Recipient, endpoint: Endpoint) -> None:
    add_due(recipient, endpoint)
    Lane.objects.update(state=LaneState.DISABLED)
    assert count() == 0


def test_mail_that_is_not_routed_counts(recipient: Recipient, endpoint: Endpoint) -> None:
    create_message(recipient.domain, route_due_at=NOW)
    add_due(recipient, endpoint)
    assert count() == 2


@pytest.mark.parametrize("limit", [1, 3, 4, 5])
def test_it_ends_at_the_limit(recipient: Recipient, endpoint: Endpoint, limit: int) -> None:
    for _ in range(3):
        create_message(recipient.domain, route_due_at=NOW)
        add_due(recipient, endpoint)
    assert count_waiting(at_most=limit) == limit


def test_the_backlog_is_told_by_status(recipient: Recipient, endpoint: Endpoint) -> None:
    assert look_at_backlog(at_most=100) == Backlog(pending=0, failed=0, held=0, since=None)
    oldest = add_due(recipient, endpoint, created_at=NOW - timedelta(hours=2), status="failed")
    add_due(recipient, endpoint)
    create_message(recipient.domain, route_due_at=NOW, received_at=NOW - timedelta(hours=1))
    add_due(recipient, endpoint, due_at=None, status="exhausted")
    assert look_at_backlog(at_most=100) == Backlog(
        pending=2, failed=1, held=0, since=oldest.created_at
    )


def test_what_is_held_is_told_apart(
    recipient: Recipient, endpoint: Endpoint, domain: Domain
) -> None:
    waiting = add_due(recipient, endpoint)
    disabled = create_endpoint(
        domain, url="http://127.0.0.1:9/d", state=LaneState.DISABLED, due_at=NOW
    )
    for status in ("pending", "failed", "failed"):
        add_due(recipient, disabled, status=status, created_at=NOW - timedelta(days=3))
    assert look_at_backlog(at_most=2) == Backlog(
        pending=1, failed=0, held=2, since=waiting.created_at
    )


@pytest.mark.skipif(connection.vendor != "postgresql", reason="the plans of the reference")
@pytest.mark.django_db(transaction=True)
class TestPlan:
    """A large table of finished deliveries, some lanes with a backlog."""

    @pytest.fixture(autouse=True)
    def table(self, transactional_db: None, domain: Domain) -> None:
        lanes = [create_endpoint(domain, url=f"http://127.0.0.1:9/{n}") for n in range(20)]
        message = create_message(domain)
        Delivery.objects.bulk_create(
            (
                Delivery(
                    message=message,
                    recipient_address=f"{number}@example.com",
                    endpoint=lanes[number % len(lanes)],
                    due_at=NOW if number % len(lanes) < 2 and number >= 8000 else None,
                )
                for number in range(10_000)
            ),
            batch_size=1000,
        )
        Lane.objects.filter(endpoint__in=lanes[:2]).update(due_at=NOW)
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE deliveries, lanes, messages")  # as autovacuum does

    def test_it_reads_the_index_as_far_as_needed(self) -> None:
        deliveries = _scan_of("deliveries", lambda: count_waiting(at_most=50))
        assert deliveries["Node Type"] == "Index Only Scan"
        assert deliveries["Index Name"] == "deliveries_due"
        assert "due_at IS NOT NULL" in deliveries["Index Cond"]
        assert deliveries["Actual Rows"] * deliveries["Actual Loops"] == 50

    def test_it_reads_no_finished_delivery(self) -> None:
        deliveries = _scan_of("deliveries", lambda: count_waiting(at_most=100_000))
        assert deliveries["Node Type"] == "Index Only Scan"
        assert deliveries["Actual Loops"] == 2  # the lanes that have something due
        assert deliveries["Actual Rows"] * deliveries["Actual Loops"] == 200
        assert "Rows Removed by Filter" not in deliveries

    def test_unrouted_messages_are_read_from_their_index(self) -> None:
        messages = _scan_of("messages", lambda: count_waiting(at_most=50))
        assert messages["Index Name"] == "messages_unrouted"

    def test_the_backlog_is_read_as_far_as_needed(self) -> None:
        deliveries = _scan_of("deliveries", lambda: look_at_backlog(at_most=50))
        assert deliveries["Node Type"] != "Seq Scan"
        assert deliveries["Actual Rows"] * deliveries["Actual Loops"] == 50


def _scan_of(table: str, ask: Callable[[], object]) -> Node:
    """How PostgreSQL reads this table to answer, the first time that it does."""
    statement, *_ = (sql for sql in statements_of(ask) if f'FROM "{table}"' in sql)
    (scan,) = scans_of(statement, table)
    return scan
