"""With too much mail waiting, new mail is deferred before it is sent, and taken again later."""

import threading
from collections.abc import Iterator
from ipaddress import ip_network

import pytest
from django.utils import timezone

from accounts.models import Domain
from delivery.lanes.health import LaneState
from delivery.models import Delivery, Endpoint, Lane, Message, RawMessage
from delivery.tests.records import create_endpoint, create_message
from harness.waiting import wait_until
from ingest import backpressure
from ingest.backpressure import pause_after
from ingest.limits import Limits
from ingest.tests.database import table_away
from ingest.tests.dialogue import Talk, send_mail
from ingest.tests.running import ServerInThread
from ingest.tests.statements import Statement

QUEUE_FULL = "451 4.3.2 The queue is full, try again later"
MAIL = "MAIL FROM:<ada@sender.example>"


@pytest.fixture(autouse=True)
def _quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long a look takes."""
    monkeypatch.setattr(backpressure, "INTERVAL", 0.05)
    monkeypatch.setattr(backpressure, "pause_after", lambda cost: backpressure.INTERVAL)


@pytest.fixture
def endpoint(domain: Domain) -> Endpoint:
    """With three deliveries that wait."""
    endpoint = create_endpoint(domain, due_at=timezone.now())
    for number in range(3):
        Delivery.objects.create(
            message=create_message(domain),
            endpoint=endpoint,
            recipient_address=f"{number}@example.com",
            due_at=timezone.now(),
        )
    return endpoint


@pytest.fixture
def server(endpoint: Endpoint) -> Iterator[ServerInThread]:
    """Which two may wait for. Tests ask it again and again."""
    with ServerInThread(queue_max_pending=2, limits=Limits(commands=100_000)) as server:
        yield server


@pytest.fixture
def talk(port: int) -> Iterator[Talk]:
    with Talk(port) as talk:
        talk.play("""
            S: 220 *
            C: EHLO client.example
            S: 250 HELP
        """)
        yield talk


def answer(talk: Talk) -> str:
    """To MAIL, in a dialogue that goes on."""
    reply = talk.ask(MAIL)
    assert talk.ask("RSET") == "250 2.0.0 Ok"
    return reply


def test_a_full_queue_defers_and_a_smaller_one_takes(talk: Talk) -> None:
    wait_until(lambda: answer(talk) == QUEUE_FULL)
    Delivery.objects.filter(recipient_address="0@example.com").update(due_at=None)
    wait_until(lambda: answer(talk) == "250 2.1.0 Ok")


def test_nothing_is_stored(talk: Talk) -> None:
    wait_until(lambda: answer(talk) == QUEUE_FULL)
    stored = Message.objects.count(), RawMessage.objects.count()
    talk.play(f"""
        C: {MAIL} SMTPUTF8
        C: RCPT TO:<info@example.com>
        C: DATA
        S: {QUEUE_FULL}
        S: 503 5.5.1 Need MAIL command
        S: 503 5.5.1 Need RCPT command
        C: QUIT
        S: 221 2.0.0 Bye
    """)
    assert talk.is_closed
    assert (Message.objects.count(), RawMessage.objects.count()) == stored


def test_a_mail_that_was_begun_may_end(talk: Talk, endpoint: Endpoint) -> None:
    wait_until(lambda: answer(talk) == QUEUE_FULL)
    Lane.objects.update(state=LaneState.DISABLED)
    wait_until(lambda: talk.ask(MAIL) == "250 2.1.0 Ok")
    Lane.objects.update(state=LaneState.ACTIVE)
    with Talk(talk.socket.getpeername()[1]) as other:
        other.play("""
            S: 220 *
            C: EHLO client.example
            S: 250 HELP
        """)
        wait_until(lambda: answer(other) == QUEUE_FULL)
    talk.play("""
        C: RCPT TO:<info@example.com>
        S: 250 2.1.5 Ok
        C: DATA
        S: 354 *
        C: .
        S: 250 2.0.0 Ok: queued as *
    """)


def test_trusted_networks_have_to_wait_too(endpoint: Endpoint) -> None:
    trusted = [ip_network("127.0.0.0/8")]
    with (
        ServerInThread(
            queue_max_pending=2, smtp_trusted_networks=trusted, limits=Limits(commands=100_000)
        ) as server,
        Talk(server.port) as talk,
    ):
        talk.play("""
            S: 220 *
            C: EHLO client.example
            S: 250 HELP
        """)
        wait_until(lambda: answer(talk) == QUEUE_FULL)


def test_it_is_told_once_in_each_direction(
    statements: list[Statement], talk: Talk, endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    wait_until(lambda: answer(talk) == QUEUE_FULL)
    caplog.clear()
    for _ in range(2):
        Lane.objects.update(state=LaneState.DISABLED)
        wait_until(lambda: answer(talk) == "250 2.1.0 Ok")
        await_looks(statements)
        Lane.objects.update(state=LaneState.ACTIVE)
        wait_until(lambda: answer(talk) == QUEUE_FULL)
        await_looks(statements)
    full = "more than 2 deliveries wait: new mail is deferred"
    taken = "2 deliveries wait or fewer: mail is taken again"
    assert told(caplog) == [taken, full, taken, full]


def await_looks(statements: list[Statement]) -> None:
    """Some more of them, whatever they see."""

    def asked() -> int:
        return sum(statement.thread == "backpressure" for statement in statements)

    before = asked()
    wait_until(lambda: asked() >= before + 5)


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [entry.getMessage() for entry in caplog.records if entry.name == backpressure.__name__]


def test_what_a_disabled_endpoint_holds_does_not_count(talk: Talk, endpoint: Endpoint) -> None:
    wait_until(lambda: answer(talk) == QUEUE_FULL)
    Lane.objects.update(state=LaneState.DISABLED, disabled_reason="HTTP 410")
    wait_until(lambda: answer(talk) == "250 2.1.0 Ok")
    assert Delivery.objects.filter(due_at__isnull=False).count() == 3


def test_without_a_database_what_was_seen_last_stays(
    statements: list[Statement], talk: Talk, caplog: pytest.LogCaptureFixture
) -> None:
    wait_until(lambda: answer(talk) == QUEUE_FULL)
    with table_away("messages"):
        await_looks(statements)
        assert answer(talk) == QUEUE_FULL
    Delivery.objects.update(due_at=None)
    wait_until(lambda: answer(talk) == "250 2.1.0 Ok")
    blind = [line for line in told(caplog) if "is not known for now" in line]
    assert len(blind) == 1


def test_an_unexpected_error_does_not_end_the_looks(
    talk: Talk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    wait_until(lambda: answer(talk) == QUEUE_FULL)
    with monkeypatch.context() as patch:
        patch.setattr(backpressure, "count_waiting", None)
        wait_until(lambda: "unexpected error, backpressure goes on" in caplog.text)
        assert answer(talk) == QUEUE_FULL
    Delivery.objects.update(due_at=None)
    wait_until(lambda: answer(talk) == "250 2.1.0 Ok")


def test_without_a_limit_nobody_looks(endpoint: Endpoint) -> None:
    with ServerInThread(queue_max_pending=0) as server:
        assert send_mail(server.port).startswith("250 ")
        assert "backpressure" not in [thread.name for thread in threading.enumerate()]


def test_a_costly_look_is_followed_by_a_long_rest() -> None:
    assert pause_after(0.0) == backpressure.INTERVAL
    assert pause_after(0.5) == 25.0
    assert pause_after(20.0) == backpressure.LONGEST_PAUSE
