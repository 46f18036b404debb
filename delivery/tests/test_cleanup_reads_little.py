"""A cleanup finds what is old by indexes: on PostgreSQL, among many thousands that are not."""

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import Domain
from delivery.models import Delivery, Endpoint, Recipient
from delivery.tests.many_rows import copy_row, id_of
from delivery.tests.old_mail import add_old, clean
from delivery.tests.plans import nodes_of, rows_seen, statements_of

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "postgresql", reason="plans of PostgreSQL"),
]

YOUNG = 20_000
LARGE_TABLES = {"messages", "raw_messages", "deliveries"}


@pytest.fixture
def statements(domain: Domain, recipient: Recipient, endpoint: Endpoint) -> list[str]:
    """All that a cleanup asks, where each kind has something to delete."""
    add_old(recipient, endpoint, days=0)
    copied = id_of("n")
    copy_row("raw_messages", YOUNG, id=copied)
    copy_row("messages", YOUNG, id=copied, raw_id=copied)
    copy_row("deliveries", YOUNG, id=copied, message_id=copied)
    add_old(recipient, endpoint, days=8)
    add_old(recipient, endpoint, days=15)
    add_old(recipient, endpoint, days=31)
    add_old(recipient, endpoint, days=91, status=Delivery.Status.QUARANTINED)
    add_old(recipient, endpoint, days=91, status=Delivery.Status.PENDING, due_at=timezone.now())
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    counts: dict[str, int] = {}
    found = statements_of(lambda: counts.update(clean()))
    assert counts == {
        "quarantined": 1,
        "raw_messages": 3,
        "deliveries": 2,
        "attempts": 2,
        "messages": 1,
    }
    return found


def test_no_large_table_is_read_as_a_whole(statements: list[str]) -> None:
    read = set()
    for statement in statements:
        for node in nodes_of(statement):
            table = node.get("Relation Name")
            if table in LARGE_TABLES:
                read.add(table)
                assert node["Node Type"] != "Seq Scan", statement
            assert rows_seen(node) < 100, statement
    assert read == LARGE_TABLES
