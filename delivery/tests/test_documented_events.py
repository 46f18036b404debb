"""docs/events.md and its schema are true."""

import json
import re
from datetime import timedelta
from email import message_from_string
from email.policy import default
from pathlib import Path
from typing import Any
from uuid import UUID

import jsonschema
import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.asserts import assertContains

import fastsmtp
from accounts.models import Domain, User
from delivery.bodies.signing import sign
from delivery.events import sendings
from delivery.events.kinds import EventType
from delivery.events.mail import EventMailer
from delivery.events.sendings import Claimed
from delivery.events.webhook import EventReceiver
from delivery.lanes.answers import Kind
from delivery.models import Endpoint, EventNote, OperationalEvent, Recipient
from delivery.tests.events import SECRET, add_owner, send_event, tell
from delivery.tests.outcomes import call_with
from delivery.tests.webhook_receiver import WebhookReceiver
from fastsmtp.config import Config
from fastsmtp.mail_relay import MailRelay

DOCS = Path(fastsmtp.__file__).parents[1] / "docs"
MANUAL = (DOCS / "events.md").read_text()
TEXT = " ".join(MANUAL.split())
SCHEMA: dict[str, Any] = json.loads((DOCS / "events.schema.json").read_text())

_schema = jsonschema.Draft202012Validator(
    SCHEMA, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
)


def _sample(language: str) -> str:
    [sample] = re.findall(rf"```{language}\n(.*?)```", MANUAL, re.DOTALL)
    return str(sample)


def _tell_of_everything(domain: Domain, endpoint: Endpoint) -> list[OperationalEvent]:
    EventNote.objects.bulk_create(
        EventNote(
            type=type,
            endpoint_id=endpoint.id if type != EventType.QUARANTINED else None,
            domain_id=domain.id if type == EventType.QUARANTINED else None,
            at=timezone.now() + timedelta(minutes=number),
            reasons={f"reason {n}": 1 for n in range(20)},
            deliveries=["01943a5c-0000-7000-8000-000000000001"],
        )
        for number, type in enumerate(
            [EventType.DISABLED, EventType.RECOVERED, EventType.EXHAUSTED, EventType.QUARANTINED]
        )
    )
    return [*tell(10), *tell(20)]


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["properties"].keys() == set(SCHEMA["required"])


def test_the_example_keeps_to_the_schema() -> None:
    _schema.validate(json.loads(_sample("json")))


@pytest.mark.django_db
def test_every_event_keeps_to_the_schema(domain: Domain, endpoint: Endpoint) -> None:
    events = _tell_of_everything(domain, endpoint)
    assert len(events) == 4
    for event in events:
        _schema.validate(event.payload)


@pytest.mark.django_db
def test_the_example_is_what_a_pause_looks_like(
    domain: Domain, recipient: Recipient, endpoint: Endpoint
) -> None:
    for _ in range(5):
        call_with(recipient, endpoint, Kind.FAST)
    (event,) = tell(3)
    example = json.loads(_sample("json"))
    assert list(event.payload["endpoints"][0]) == list(example["endpoints"][0])
    assert _without_values(event.payload) == _without_values(example)


def _without_values(value: Any) -> Any:
    match value:
        case dict():
            return {name: _without_values(inner) for name, inner in value.items()}
        case list():
            return [_without_values(inner) for inner in value]
    return type(value)


def test_the_example_of_a_call(receiver: WebhookReceiver) -> None:
    payload = json.loads(_sample("json"))
    claimed = Claimed(UUID(payload["id"]), UUID(payload["id"]), payload, "", 1)
    assert send_event(EventReceiver(receiver.url(), SECRET, timeout=5), claimed) == ""
    (call,) = receiver.calls
    lines = [line.partition(": ") for line in _sample("http").splitlines()[1:]]
    documented = {name.lower(): value for name, _, value in lines}
    timestamp = documented["webhook-timestamp"]
    signature = sign(
        secret=SECRET, webhook_id=payload["id"], timestamp=int(timestamp), body=call.body
    )
    assert documented == {
        **call.headers,
        "host": "ops.example.com",
        "webhook-timestamp": timestamp,
        "webhook-signature": signature,
    }


def test_every_event_is_in_the_table() -> None:
    assert set(re.findall(r"^\| `(\w+\.\w+)`", MANUAL, re.MULTILINE)) == set(EventType)


def test_the_mail_is_what_owners_get() -> None:
    payload = json.loads(_sample("json"))
    mailer = EventMailer(
        MailRelay.parse("smtp://relay"), "events@mail.example.com", timedelta(hours=1)
    )
    mail = mailer.compose(
        Claimed(UUID(payload["id"]), UUID(payload["id"]), payload, "ada@example.org", 1)
    )
    example = message_from_string(_sample("text"), policy=default)
    for name, value in example.items():
        assert mail[name] == value
    body = mail.get_content().replace("\r\n", "\n")
    assert body == example.get_content()


def test_times() -> None:
    defaults = Config.model_construct()
    assert defaults.events_grace == timedelta(minutes=2)
    assert defaults.events_interval == timedelta(hours=1)
    minutes = [wait.total_seconds() / 60 for wait in sendings.BACKOFF]
    assert minutes == [0.2, 0.5, 2, 10, 30, 60, 120, 240, 480, 480]
    assert "after 12 and 30 seconds, 2, 10 and 30 minutes, 1, 2, 4, 8 and 8 hours" in TEXT


@pytest.mark.django_db
class TestAdmin:
    def test_links_lead_to_what_they_are_about(
        self, browser: Client, domain: Domain, endpoint: Endpoint
    ) -> None:
        for event in _tell_of_everything(domain, endpoint):
            links = [event.payload["admin_url"]]
            links += [told["admin_url"] for told in event.payload["endpoints"]]
            for link in links:
                answer = browser.get(link.removeprefix("https://mail.example.net"))
                assert answer.status_code == 200, link

    def test_events_are_shown(self, browser: Client, domain: Domain, endpoint: Endpoint) -> None:
        add_owner(domain)
        (event, *_) = _tell_of_everything(domain, endpoint)
        domain.delete()
        assertContains(browser.get(reverse("admin:delivery_operationalevent_changelist")), event)
        page = browser.get(reverse("admin:delivery_operationalevent_change", args=[event.pk]))
        assertContains(page, "ada@owner.example")

    def test_owners_are_named_on_the_page_of_the_domain(
        self, browser: Client, domain: Domain
    ) -> None:
        ada = User.objects.create_user("ada", email="ada@owner.example")
        page = reverse("admin:accounts_domain_change", args=[domain.pk])
        form = {
            "is_enabled": "on",
            "memberships-TOTAL_FORMS": "1",
            "memberships-INITIAL_FORMS": "0",
            "memberships-0-domain": str(domain.pk),
            "memberships-0-user": str(ada.pk),
            "memberships-0-role": "owner",
        }
        answer = browser.post(page, form)
        assert answer.status_code == 302, answer.context["adminform"].errors
        assert str(domain.memberships.get()) == "ada is owner of example.com"
