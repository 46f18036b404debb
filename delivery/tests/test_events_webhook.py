"""The operator's webhook gets each event, signed, whatever happens on the way."""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial

import pytest
from django.utils import timezone
from pydantic import SecretStr
from standardwebhooks import Webhook

from delivery.courier.courier import Courier
from delivery.courier.recorder import record
from delivery.events import heralds, sendings
from delivery.events.sendings import Claimed
from delivery.events.webhook import EventReceiver
from delivery.lanes.answers import Kind
from delivery.models import (
    Delivery,
    Endpoint,
    EventSending,
    Incident,
    Lane,
    OperationalEvent,
    Recipient,
)
from delivery.routing.routing import route
from delivery.tests.courier_steps import send, send_together
from delivery.tests.couriers import running_courier
from delivery.tests.events import SECRET, Channel, claim, send_event, tell, told
from delivery.tests.outcomes import SCHEDULE, call_with, outcome_of
from delivery.tests.records import create_endpoint
from delivery.tests.rules import add_rule, create_ruleset
from delivery.tests.submissions import receive
from delivery.tests.threads import at_once
from delivery.tests.waiting_mail import add_due, claim_one
from delivery.tests.webhook_receiver import Call, WebhookReceiver
from harness.processes import free_port
from harness.waiting import wait_until
from rules.models import RuleSet

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.mariadb,
    pytest.mark.usefixtures("recipient_at_receiver"),
]

Status = Delivery.Status
State = Lane.State


@pytest.fixture
def teller(receiver: WebhookReceiver, monkeypatch: pytest.MonkeyPatch) -> Iterator[Courier]:
    """A courier that tells at once, and to `/events`."""
    monkeypatch.setattr(heralds, "POLL_INTERVAL", 0.05)
    with running_courier(
        events_grace=timedelta(0),
        events_webhook_url=receiver.url("/events"),
        events_webhook_secret=SecretStr(SECRET),
    ) as courier:
        yield courier


def _event(receiver: WebhookReceiver, number: int = 1) -> Call:
    """The latest, once there are so many; its signature is checked."""
    call = receiver.wait_for_calls(number, path="/events")[-1]
    Webhook(SECRET).verify(call.body, dict(call.headers))
    assert call.headers["webhook-id"] == call.payload["id"]
    assert call.headers["fastsmtp-event"] == call.payload["type"]
    assert call.headers["content-type"] == "application/json; charset=utf-8"
    return call


def _wait_until_sent() -> None:
    wait_until(lambda: not EventSending.objects.filter(due_at__isnull=False).exists())


class TestEachKind:
    def test_paused_and_recovered(
        self, teller: Courier, receiver: WebhookReceiver, recipient: Recipient
    ) -> None:
        receiver.answer("/", 500)
        send_together(teller, recipient, count=3)  # one mail alone pauses no endpoint
        payload = _event(receiver).payload
        assert payload["type"] == "endpoint.paused"
        assert payload["domain"] == "example.com"
        assert payload["reasons"] == [{"reason": "the receiver answered 500", "count": 1}]
        (endpoint,) = payload["endpoints"]
        assert (endpoint["host"], endpoint["waiting"]) == ("127.0.0.1", 3)
        assert recipient.webhook_url not in str(payload)

        receiver.answer("/", 200)
        wait_until(lambda: Delivery.objects.filter(status=Status.DELIVERED).count() == 3)
        assert _event(receiver, 2).payload["type"] == "endpoint.recovered"
        _wait_until_sent()
        assert len(receiver.calls_of("/events")) == 2

    def test_disabled(
        self, teller: Courier, receiver: WebhookReceiver, recipient: Recipient
    ) -> None:
        receiver.answer("/", 410)
        send(teller, recipient)
        payload = _event(receiver).payload
        assert payload["type"] == "endpoint.disabled"
        assert payload["summary"] == "127.0.0.1 is disabled; mail of example.com is held"

    def test_exhausted(
        self, teller: Courier, receiver: WebhookReceiver, recipient: Recipient
    ) -> None:
        """The schedule is over at once: there is no slow one."""
        receiver.answer("/", 422)
        send(teller, recipient)
        payload = _event(receiver).payload
        assert payload["type"] == "delivery.exhausted"
        assert payload["reasons"] == [{"reason": "schedule", "count": 1}]
        assert payload["delivery_ids"] == [str(Delivery.objects.get().id)]

    @pytest.mark.usefixtures("teller")
    def test_quarantined(self, receiver: WebhookReceiver, recipient: Recipient) -> None:
        add_rule(create_ruleset(recipient.domain), "subject exists", action="quarantine")
        route([receive(recipient).id])
        payload = _event(receiver).payload
        assert (payload["type"], payload["count"]) == ("message.quarantined", 1)
        assert (payload["endpoints"], payload["endpoint_count"]) == ([], 0)


def test_a_restart_of_n8n_alerts_nobody(courier: Courier, recipient: Recipient) -> None:
    """Nobody listens, then 404, then 200: the endpoint was paused, and mended itself."""
    port = free_port()
    recipient.webhook_url = f"http://127.0.0.1:{port}/"
    recipient.save()
    send_together(courier, recipient, count=10)
    wait_until(lambda: Lane.objects.filter(pause_count__gte=1).exists())
    with WebhookReceiver(port=port) as n8n:
        n8n.answer("/", 404)
        n8n.wait_for_calls(1)
        n8n.answer("/", 200)
        delivered = Delivery.objects.filter(status=Status.DELIVERED)
        wait_until(lambda: delivered.count() == 10)
    assert told(600) == []


def test_a_receiver_that_fails_gets_the_same_event_again(
    teller: Courier,
    receiver: WebhookReceiver,
    recipient: Recipient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its failures are no events; the event is the same, whatever has happened since."""
    monkeypatch.setattr(sendings, "BACKOFF", (timedelta(0),) * 3)
    receiver.answer("/events", 500, 404, 410, 200)
    receiver.answer("/", 410)
    send(teller, recipient)
    first = _event(receiver)
    last = _event(receiver, 4)
    assert last.body == first.body
    assert last.headers["webhook-id"] == first.headers["webhook-id"]
    attempts = [call.headers["fastsmtp-attempt"] for call in receiver.calls_of("/events")]
    assert attempts == ["1", "2", "3", "4"]
    _wait_until_sent()
    assert OperationalEvent.objects.count() == 1
    assert EventSending.objects.get().sent_at is not None


def test_it_is_given_up_some_day(
    teller: Courier,
    receiver: WebhookReceiver,
    recipient: Recipient,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sendings, "BACKOFF", (timedelta(0),) * 2)
    receiver.answer("/events", 500)
    receiver.answer("/", 410)
    send(teller, recipient)
    receiver.wait_for_calls(3, path="/events")
    _wait_until_sent()
    sending = EventSending.objects.get()
    assert (sending.tries, sending.sent_at) == (3, None)
    assert sending.last_error == "the receiver answered 500"
    assert "event_given_up" in capsys.readouterr().out


def test_the_tries_take_about_a_day() -> None:
    assert timedelta(hours=23) < sum(sendings.BACKOFF, timedelta()) < timedelta(hours=25)


def test_a_receiver_that_hangs_delays_no_mail(
    teller: Courier, receiver: WebhookReceiver, recipient: Recipient
) -> None:
    receiver.hang("/events")
    add_rule(create_ruleset(recipient.domain), "subject exists", action="quarantine")
    route([receive(recipient).id])
    receiver.wait_for_calls(1, path="/events")
    RuleSet.objects.all().delete()
    send(teller, recipient)
    wait_until(Delivery.objects.filter(status=Status.DELIVERED).exists)
    assert EventSending.objects.get().sent_at is None
    receiver.let_go("/events")


def test_an_address_that_is_not_allowed_is_told_in_the_log(recipient: Recipient) -> None:
    (claimed,) = _claimed(recipient)
    receiver = EventReceiver(url="http://10.1.2.3/", secret=SECRET, timeout=5)
    assert "10.1.2.3 is not a public address" in send_event(receiver, claimed)


class TestCrashes:
    def test_between_the_change_and_the_event(
        self, recipient: Recipient, endpoint: Endpoint
    ) -> None:
        """What was committed with the change is found by whoever looks next."""
        call_with(recipient, endpoint, Kind.GONE)
        assert told(3) == [("endpoint.disabled", 1)]
        assert told(3) == []

    def test_while_events_are_made(
        self, recipient: Recipient, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        call_with(recipient, endpoint, Kind.GONE)
        with monkeypatch.context() as broken:
            broken.setattr("delivery.events.telling._sendings", _die)
            with pytest.raises(SystemExit):
                tell(3)
        assert not OperationalEvent.objects.exists()
        assert told(3) == [("endpoint.disabled", 1)]

    def test_after_sending_and_before_it_is_noted(
        self, receiver: WebhookReceiver, recipient: Recipient
    ) -> None:
        """It comes twice, under one id."""
        (claimed,) = _claimed(recipient)
        target = EventReceiver(url=receiver.url("/events"), secret=SECRET, timeout=5)
        assert send_event(target, claimed) == ""
        assert claim() == []
        EventSending.objects.update(due_at=timezone.now())  # the lease is over
        (again,) = claim()
        assert send_event(target, again) == ""
        first, second = receiver.calls_of("/events")
        assert first.headers["webhook-id"] == second.headers["webhook-id"]
        assert first.body == second.body
        sendings.record(again, Channel.WEBHOOK, "")
        sendings.record(claimed, Channel.WEBHOOK, "too late to matter")
        assert EventSending.objects.get().sent_at is not None


class TestTwoWorkers:
    def test_make_one_event(self, recipient: Recipient, endpoint: Endpoint) -> None:
        call_with(recipient, endpoint, Kind.GONE)
        made = at_once(*[partial(tell, 3) for _ in range(4)])
        assert sum(map(len, made)) == 1
        assert OperationalEvent.objects.count() == 1

    def test_send_it_once(self, recipient: Recipient) -> None:
        _tell_disabled(recipient)
        EventSending.objects.update(due_at=timezone.now())
        claimed = at_once(
            *[
                partial(sendings.claim, Channel.WEBHOOK, limit=10, lease=timedelta(seconds=45))
                for _ in range(4)
            ]
        )
        assert sum(map(len, claimed)) == 1

    def test_gather_while_outcomes_are_recorded(
        self, recipient: Recipient, endpoint: Endpoint
    ) -> None:
        """Nobody waits for the other for ever, and everything counts."""
        for _ in range(5):
            add_due(recipient, endpoint)
            job = claim_one(endpoint)
            at_once(
                partial(record, [outcome_of(job, Kind.REFUSED)], SCHEDULE),
                partial(tell, 0),
                partial(tell, 0),
            )
        tell(0)
        assert Incident.objects.get().count == 5


def _tell_disabled(recipient: Recipient) -> None:
    endpoint = create_endpoint(recipient.domain)
    call_with(recipient, endpoint, Kind.GONE)
    tell(3)


def _claimed(recipient: Recipient) -> list[Claimed]:
    _tell_disabled(recipient)
    return claim()


def _die(*_: object) -> None:
    raise SystemExit
