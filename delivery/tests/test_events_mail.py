"""Owners get a mail that nobody answers, that says what to do, and that cannot become another."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any, cast

import pytest
from pydantic import SecretStr

from delivery.events import heralds, sendings
from delivery.events.mail import EventMailer
from delivery.events.message_ids import message_id_of
from delivery.intake.queue import accept
from delivery.lanes.answers import Kind
from delivery.models import Delivery, Endpoint, EventNote, EventSending, Lane, Message, Recipient
from delivery.routing.routing import route
from delivery.tests.courier_steps import move, send
from delivery.tests.couriers import running_courier
from delivery.tests.events import SECRET, Channel, add_owner, claim, tell
from delivery.tests.outcomes import call_with, record_one
from delivery.tests.rules import add_rule, create_ruleset
from delivery.tests.submissions import found, submit
from delivery.tests.waiting_mail import add_due, claim_one
from delivery.tests.webhook_receiver import WebhookReceiver
from fastsmtp.ids import uuid7
from fastsmtp.mail_relay import MailRelay
from fastsmtp.tests.smtp_server import SMTPServer
from harness.waiting import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.mariadb]

SENDER = "events@gateway.example"


@pytest.fixture
def relay() -> Iterator[SMTPServer]:
    with SMTPServer() as server:
        yield server


def _mailer(relay: SMTPServer) -> EventMailer:
    url = f"smtp://127.0.0.1:{relay.port}"
    return EventMailer(MailRelay.parse(url), SENDER, timedelta(hours=1))


def _claimed(recipient: Recipient, endpoint: Endpoint, kind: Kind = Kind.GONE) -> Any:
    call_with(recipient, endpoint, kind)
    tell(3)
    return claim(Channel.MAIL)


def _parsed(content: object) -> EmailMessage:
    return message_from_bytes(cast(bytes, content), policy=default)


def test_the_way_of_a_mail(
    receiver: WebhookReceiver,
    recipient: Recipient,
    relay: SMTPServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A receiver answers 410; two owners hear of it. The operator's webhook is dead meanwhile."""
    monkeypatch.setattr(heralds, "POLL_INTERVAL", 0.05)
    add_owner(recipient.domain, "ada@owner.example")
    add_owner(recipient.domain, "bob@owner.example")
    receiver.hang("/events")
    receiver.answer("/", 410)
    with running_courier(
        events_grace=timedelta(0),
        events_webhook_url=receiver.url("/events"),
        events_webhook_secret=SecretStr(SECRET),
        events_mail_relay=SecretStr(f"smtp://127.0.0.1:{relay.port}"),
        events_mail_from=SENDER,
    ) as courier:
        send(courier, move(recipient, receiver))
        sent = EventSending.objects.filter(channel=Channel.MAIL, sent_at__isnull=False)
        wait_until(lambda: sent.count() == 2)
        receiver.let_go("/events")

    assert sorted(envelope.rcpt_tos[0] for envelope in relay.envelopes) == [
        "ada@owner.example",
        "bob@owner.example",
    ]
    assert all(len(envelope.rcpt_tos) == 1 for envelope in relay.envelopes)


def test_what_it_says(recipient: Recipient, endpoint: Endpoint, relay: SMTPServer) -> None:
    add_owner(recipient.domain)
    (claimed,) = _claimed(recipient, endpoint)
    assert _mailer(relay).send(claimed) == ""
    (envelope,) = relay.envelopes
    assert envelope.mail_from == "<>"  # aiosmtpd's word for the null sender
    mail = _parsed(envelope.content)
    assert mail["From"] == f"FastSMTP <{SENDER}>"
    assert mail["To"] == "ada@owner.example"
    assert mail["Subject"] == "[FastSMTP] 127.0.0.1 is disabled; mail of example.com is held"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Precedence"] == "bulk"
    assert mail["Message-ID"] == f"<{claimed.event_id}@gateway.example>"
    text = mail.get_content()
    assert "Reason:  the receiver answered 410" in text
    assert "Webhook: 127.0.0.1, 1 mail waiting" in text
    assert f"https://mail.example.net/admin/delivery/endpoint/{endpoint.id}/change/" in text
    assert "enable the endpoint" in text
    assert "told again after 1 hour at the earliest" in " ".join(text.split())
    assert endpoint.url not in text


def test_nothing_becomes_a_header(recipient: Recipient, relay: SMTPServer) -> None:
    """Not even from a row that somebody else wrote."""
    add_owner(recipient.domain)
    endpoint = Endpoint.objects.create(domain=recipient.domain, url="http://127.0.0.1:9/")
    Lane.objects.create(endpoint=endpoint)
    (claimed,) = _claimed(recipient, endpoint)
    poisoned = {**claimed.payload, "summary": "x\r\nBcc: eve@evil.example\r\n\r\nbody"}
    error = _mailer(relay).send(replace(claimed, payload=poisoned))
    assert "could not be made" in error
    error = _mailer(relay).send(replace(claimed, address="a@b.example\r\nBcc: eve@evil.example"))
    assert "could not be made" in error
    assert relay.envelopes == []


@pytest.mark.parametrize("reply", ["450 4.2.1 Later", "550 5.1.1 No such user"])
def test_a_relay_that_refuses_is_asked_again(
    recipient: Recipient, endpoint: Endpoint, relay: SMTPServer, reply: str
) -> None:
    add_owner(recipient.domain)
    (claimed,) = _claimed(recipient, endpoint)
    relay.rcpt_reply = reply
    error = _mailer(relay).send(claimed)
    assert error == reply
    sendings.record(claimed, Channel.MAIL, error)
    sending = EventSending.objects.get(channel=Channel.MAIL)
    assert (sending.sent_at, sending.last_error) == (None, reply)
    assert sending.due_at is not None
    relay.rcpt_reply = "250 OK"
    assert _mailer(relay).send(claimed) == ""


def test_a_relay_that_is_down(recipient: Recipient, endpoint: Endpoint) -> None:
    add_owner(recipient.domain)
    (claimed,) = _claimed(recipient, endpoint)
    mailer = EventMailer(MailRelay.parse("smtp://127.0.0.1:9"), SENDER, timedelta(hours=1))
    assert mailer.send(claimed) == "127.0.0.1: Connection refused"


class TestMailOfOurOwnThatComesHere:
    """The owner's address is one of this gateway, and what happens there would be told by mail."""

    def _receive(self, recipient: Recipient, relay: SMTPServer, endpoint: Endpoint) -> None:
        """As the relay hands it over."""
        add_owner(recipient.domain, recipient.address)
        (claimed,) = _claimed(recipient, endpoint)
        _mailer(relay).send(claimed)
        (envelope,) = relay.envelopes
        content = cast(bytes, envelope.content)
        submission = submit(found(recipient), raw=content, mail_from="")
        accept([submission])
        route([submission.id])

    def test_is_quarantined_in_silence(
        self, recipient: Recipient, endpoint: Endpoint, relay: SMTPServer
    ) -> None:
        add_rule(create_ruleset(recipient.domain), "subject exists", action="quarantine")
        self._receive(recipient, relay, endpoint)
        assert Delivery.objects.filter(status=Delivery.Status.QUARANTINED).count() == 1
        assert not EventNote.objects.exists()

    def test_is_exhausted_in_silence(self, recipient: Recipient, endpoint: Endpoint) -> None:
        add_owner(recipient.domain, recipient.address)
        (claimed,) = _claimed(recipient, endpoint)
        Lane.objects.update(state=Lane.State.ACTIVE, disabled_reason="")
        for event_id, expected in ((claimed.event_id, 0), (uuid7(), 1)):
            Delivery.objects.all().delete()
            delivery = add_due(recipient, endpoint)
            Message.objects.filter(id=delivery.message_id).update(
                internet_message_id=message_id_of(event_id, sender=SENDER)
            )
            record_one(claim_one(endpoint), Kind.REFUSED)
            assert EventNote.objects.count() == expected

    @pytest.mark.parametrize(
        "message_id", ["", "<1>", "<01a1ff7f-e379-73ae-9826-87d110ec8010@gateway.example>"]
    )
    def test_what_only_looks_like_it_is_told(self, recipient: Recipient, message_id: str) -> None:
        """Anybody may send in our name."""
        add_rule(create_ruleset(recipient.domain), "subject exists", action="quarantine")
        raw = f"From: {SENDER}\r\nMessage-ID: {message_id}\r\nSubject: x\r\n\r\n".encode()
        submission = submit(found(recipient), raw=raw, mail_from="")
        accept([submission])
        route([submission.id])
        assert EventNote.objects.get().type == "message.quarantined"
