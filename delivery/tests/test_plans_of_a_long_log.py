"""Whatever is asked again and again is found by an index, in a long log with a backlog: on
PostgreSQL, by its plans and by the rows that they look at."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from accounts.models import Domain
from accounts.tests.browsers import superuser_browser
from delivery.courier import claims
from delivery.courier.lookout import due_lanes
from delivery.courier.sweeper import overdue_messages
from delivery.events import sendings
from delivery.events.gathering import gather
from delivery.events.incidents import Pace
from delivery.events.telling import Audience, tell_due
from delivery.intake.depth import count_exhausted, count_waiting, look_at_backlog
from delivery.lanes import lanes
from delivery.models import (
    ArchiveDue,
    Attempt,
    Delivery,
    Endpoint,
    EventNote,
    EventSending,
    Incident,
    Lane,
    Message,
    OperationalEvent,
    RawMessage,
    Recipient,
    Replay,
)
from delivery.objects import archives
from delivery.replay import collection
from delivery.replay.selection import Selection
from delivery.states import having
from delivery.tests.many_rows import copy_row, id_of
from delivery.tests.plans import nodes_of, rows_seen, statements_of
from delivery.tests.records import URL, create_attempt, create_delivery, create_message
from fastsmtp.api.tests.caller import get

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "postgresql", reason="plans of PostgreSQL"),
]

MAILS = 20_000  # every second one is delivered, the others wait
LANES = 500
FEW = 30  # of everything else
LARGE = {
    *("deliveries", "messages", "lanes", "attempts", "archives_due"),
    *("incidents", "event_sendings", "events"),
}
MODELS = (
    *(Attempt, ArchiveDue, EventSending, OperationalEvent, EventNote, Incident, Delivery),
    *(Message, RawMessage, Lane, Endpoint, Replay, Recipient, Domain),
)
DOMAIN, RECIPIENT = uuid.UUID(int=1), uuid.UUID(int=2)
LOG = f"/domains/{DOMAIN}/delivery-log"
NOW = timezone.now()


def _write_log() -> None:
    domain = Domain.objects.create(id=DOMAIN, domain_name="example.com")
    recipient = Recipient.objects.create(
        id=RECIPIENT, domain=domain, local_part="u", webhook_url=URL
    )
    endpoint = Endpoint.objects.create(id=uuid.uuid4(), domain=domain, url=URL)
    Lane.objects.create(endpoint=endpoint, due_at=NOW)
    delivery = create_delivery(create_message(domain), recipient, endpoint, status="delivered")
    create_attempt(delivery)
    before = f"now() - {MAILS} * interval '1 s' + n * interval '1 s'"
    copy_row("endpoints", LANES, id=id_of("n"), url_hash="n::text")
    copy_row("lanes", LANES, endpoint_id=id_of("n"))
    copy_row(
        "messages",
        MAILS,
        id=id_of("n"),
        internet_message_id="'<' || n || '@example.org>'",
        received_at=before,
    )
    copy_row(
        "deliveries",
        MAILS,
        id=id_of("n"),
        message_id=id_of("n"),
        endpoint_id=id_of(f"1 + n / 2 % {LANES}"),
        created_at=before,
        status="CASE n % 2 WHEN 0 THEN 'delivered' ELSE 'pending' END",
        due_at=f"CASE n % 2 WHEN 1 THEN {before} END",
    )
    copy_row("attempts", MAILS, id=id_of("n"), delivery_id=id_of("n"))
    _write_few(recipient, endpoint)


def _write_few(recipient: Recipient, endpoint: Endpoint) -> None:
    """Rare things, older than all the others."""
    old = {"created_at": NOW - timedelta(days=9)}
    for status in ("failed", "exhausted", "quarantined", "dropped", "discarded", "cancelled"):
        due = {"due_at": NOW} if status in Delivery.OPEN else {}
        for _ in range(FEW):
            message = create_message(recipient.domain)
            create_delivery(message, recipient, endpoint, status=status, **old, **due)
            create_message(recipient.domain, route_due_at=NOW)
            EventNote.objects.create(type="delivery.exhausted", endpoint_id=endpoint.id, at=NOW)


@pytest.fixture(scope="module")
def log(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Written once, as it takes seconds; every test takes back what it changes."""
    with django_db_blocker.unblock():
        _write_log()
        tables = ", ".join(model._meta.db_table for model in MODELS)
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
        yield
        with connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {tables} CASCADE")
        connection.close()


@dataclass(frozen=True)
class Case:
    name: str
    ask: Callable[[], object]
    indexes: set[str]  # by which the large tables are read, beside primary keys
    rows: int = LANES + 100  # that a node of a plan may look at


DELIVERIES = {"deliveries_listed", "deliveries_troubled", "deliveries_due"}
PACE = Pace(timedelta(0), timedelta(hours=1))
SILENCE = Audience(has_webhook=False, has_mail=False)


def _lanes(count: int) -> list[uuid.UUID]:
    return list(Lane.objects.order_by("pk").values_list("pk", flat=True)[:count])


def _claim() -> None:
    claimed = claims.claim(dict.fromkeys(_lanes(20), 2), timeout=timedelta(seconds=30))
    assert len(claimed.jobs) == 40


def _collect() -> None:
    replay = Replay.objects.create(domain_id=DOMAIN, filter=Selection().as_json())
    collection.collect(replay)
    assert replay.matched == 2 * FEW


def _tell() -> None:
    assert gather(PACE) == 6 * FEW
    assert tell_due(SILENCE, now=timezone.now(), public_address="https://mail.example.com")
    sendings.claim(EventSending.Channel.MAIL, limit=10, lease=timedelta(minutes=1))


def _archive() -> None:
    messages = Message.objects.order_by("-pk").values_list("pk", flat=True)[:FEW]
    ArchiveDue.objects.bulk_create(
        ArchiveDue(message_id=id, domain_name="example.com", due_at=NOW) for id in messages
    )
    assert len(archives.claim(10)) == 10


def _listed(count: int | None = None, **query: str) -> Callable[[], None]:
    def ask() -> None:
        response = get(f"{LOG}?{urlencode(query)}")
        assert response.status_code == 200, response.content
        assert count is None or len(response.json()) == count

    return ask


def _shown(path: str, **query: str) -> Callable[[], None]:
    def ask() -> None:
        response = superuser_browser().get(f"/admin/delivery/{path}/?{urlencode(query)}")
        assert response.status_code == 200

    return ask


STEPS = [
    Case("due lanes", due_lanes().next_page, {"lanes_due"}),
    Case("a claim", _claim, {"deliveries_due"}),
    Case("rest", lambda: lanes.rest(_lanes(100)), {"deliveries_due"}, rows=100 * 50),
    Case("messages that nobody routed", overdue_messages().next_page, {"messages_unrouted"}),
    Case("how many wait", lambda: count_waiting(at_most=400), {"deliveries_due"}),
    Case("what waits", lambda: look_at_backlog(at_most=400), {"deliveries_due"}),
    Case("how many are exhausted", lambda: count_exhausted(at_most=400), {"deliveries_troubled"}),
    Case("a replay collects", _collect, {"deliveries_troubled"}),
    Case("events", _tell, {"incidents_due", "event_sendings_due"}),
    Case("the archive", _archive, {"archives_due_at"}),
]
TROUBLED = ("failed", "exhausted", "dropped", "quarantined", "discarded", "cancelled")
YEAR = {"since": "2020-01-01T00:00:00Z", "until": "2100-01-01T00:00:00Z"}
LISTS = [
    Case("list", _listed(50), {"deliveries_listed"}),
    Case("list pending", _listed(50, status="pending"), {"deliveries_listed"}),
    Case("list delivered", _listed(50, status="delivered"), {"deliveries_listed"}),
    *(
        Case(f"list {status}", _listed(FEW, status=status), {"deliveries_troubled"})
        for status in TROUBLED
    ),
    Case("list exhausted of a time", _listed(FEW, status="exhausted", **YEAR), DELIVERIES),
    Case("list delivered of a time", _listed(50, status="delivered", **YEAR), DELIVERIES),
    Case("list of a recipient", _listed(50, recipient_id=str(RECIPIENT)), DELIVERIES),
    Case("list of nobody", _listed(0, recipient_id=str(uuid.UUID(int=9))), {"deliveries_listed"}),
    Case(
        "list of a Message-ID",
        _listed(1, message_id="<7@example.org>"),
        {"messages_by_header_hash", "one_delivery_per_recipient"},
    ),
    Case("list held", _listed(0, status="held"), DELIVERIES, rows=MAILS),
    # A claim changes no indexed column, so what is open has to be looked at.
    Case("list sending", _listed(0, status="sending"), DELIVERIES, rows=MAILS),
]
ADMIN = [
    Case("admin: deliveries", _shown("delivery"), set()),
    Case(
        "admin: exhausted", _shown("delivery", status__exact="exhausted"), {"deliveries_troubled"}
    ),
    Case("admin: a domain", _shown("delivery", domain__id__exact=str(DOMAIN)), set()),
    Case(
        "admin: search", _shown("delivery", q="nobody"), {"messages_by_header_hash"}, rows=2 * MAILS
    ),
    Case("admin: messages", _shown("message"), set()),
    Case(
        "admin: search messages", _shown("message", q="x@y"), {"messages_by_header_hash"}, rows=5100
    ),
    Case("admin: endpoints", _shown("endpoint"), set(), rows=LANES + 1),
    Case("admin: events", _shown("operationalevent"), set()),
    Case("admin: replays", _shown("replay"), set()),
]


@pytest.mark.parametrize("case", [*STEPS, *LISTS, *ADMIN], ids=lambda case: case.name)
def test_an_index_leads_there(log: None, case: Case) -> None:
    used = set()
    for statement in statements_of(case.ask):
        for node in nodes_of(statement):
            used.add(node.get("Index Name"))
            if node.get("Relation Name") in LARGE:
                assert node["Node Type"] != "Seq Scan", statement
                assert rows_seen(node) <= case.rows, statement
    wanted = case.indexes
    assert wanted <= used if wanted is not DELIVERIES else wanted & used, used


@pytest.mark.parametrize("status", TROUBLED)
def test_a_status_is_no_parameter(status: str) -> None:
    """Prepared, a statement soon has one plan for all parameters, without the partial index."""
    sql, parameters = Delivery.objects.filter(having(status)).query.sql_with_params()
    assert f"= '{status}'" in sql
    assert parameters == ()
