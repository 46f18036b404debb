"""Whom mail is accepted for, and what is stored of it."""

import pytest

from accounts.models import Domain
from delivery.models import Message, Recipient
from harness.waiting import wait_until
from ingest.limits import Limits
from ingest.tests.dialogue import Talk, begin
from ingest.tests.running import ServerInThread
from ingest.tests.statements import Statement
from ingest.tests.stored import only_message

URL = "http://127.0.0.1:9/"


def addresses(message: Message) -> list[str]:
    return [address for address, _ in message.rcpt_to]


@pytest.mark.parametrize(
    ("address", "reply"),
    [
        ("info@example.com", "250 2.1.5 Ok"),
        ("INFO+tag@Example.COM", "250 2.1.5 Ok"),
        ("nobody@example.com", "550 5.1.1 No such recipient here"),
        ("closed@example.com", "550 5.1.1 No such recipient here"),
        ("anyone@catchall.example", "250 2.1.5 Ok"),
        ("用户@xn--fsqu00a.example", "250 2.1.5 Ok"),
        ("用户@例子.example", "250 2.1.5 Ok"),
        ("info@closed.example", "550 5.1.2 This domain is not served here"),
        ("info@elsewhere.example", "550 5.1.2 This domain is not served here"),
        ("info@sub.example.com", "550 5.1.2 This domain is not served here"),
    ],
)
def test_a_recipient_is_looked_up(domain: Domain, port: int, address: str, reply: str) -> None:
    Recipient.objects.create(domain=domain, local_part="closed", webhook_url=URL, is_enabled=False)
    for name, is_enabled in (
        ("catchall.example", True),
        ("xn--fsqu00a.example", True),
        ("closed.example", False),
    ):
        other = Domain.objects.create(domain_name=name, is_enabled=is_enabled)
        Recipient.objects.create(domain=other, local_part="", webhook_url=URL)
    with Talk(port) as talk:
        talk.expect("220 *")
        talk.ask("EHLO client.example")
        talk.ask("MAIL FROM:<ada@sender.example>")
        assert talk.ask(f"RCPT TO:<{address}>") == reply


def test_refused_recipients_leave_the_others(port: int) -> None:
    with begin(port) as talk:
        talk.play("""
            C: RCPT TO:<nobody@example.com>
            S: 550 5.1.1 *
            C: RCPT TO:<info@elsewhere.example>
            S: 550 5.1.2 *
            C: DATA
            S: 354 *
            C: .
            S: 250 2.0.0 Ok: queued as *
        """)
    assert addresses(only_message()) == ["info@example.com"]


def test_a_repeated_recipient_is_folded(port: int) -> None:
    with begin(port) as talk:
        talk.play("""
            C: RCPT TO:<info@example.com>
            S: 250 2.1.5 Ok
            C: RCPT TO:<INFO@example.com>
            S: 250 2.1.5 Ok
            C: RCPT TO:<info+tag@example.com>
            S: 250 2.1.5 Ok
            C: DATA
            S: 354 *
            C: .
            S: 250 2.0.0 Ok: queued as *
        """)
    assert addresses(only_message()) == ["info@example.com", "info+tag@example.com"]


def test_more_recipients_than_allowed_are_told_to_come_again(domain: Domain) -> None:
    Recipient.objects.create(domain=domain, local_part="", webhook_url=URL)
    with ServerInThread(smtp_max_recipients=2) as server, begin(server.port) as talk:
        talk.play("""
            C: RCPT TO:<second@example.com>
            S: 250 2.1.5 Ok
            C: RCPT TO:<third@example.com>
            S: 452 4.5.3 Too many recipients
            C: RCPT TO:<fourth@example.com>
            S: 452 4.5.3 Too many recipients
            C: DATA
            S: 354 *
            C: .
            S: 250 2.0.0 Ok: queued as *
        """)
    assert addresses(only_message()) == ["info@example.com", "second@example.com"]


def test_each_domain_gets_a_message_of_the_same_bytes(domain: Domain, port: int) -> None:
    other = Domain.objects.create(domain_name="other.example")
    Recipient.objects.create(domain=other, local_part="", webhook_url=URL)
    with begin(port) as talk:
        talk.play("""
            C: RCPT TO:<anyone@other.example>
            S: 250 2.1.5 Ok
            C: RCPT TO:<info+2@example.com>
            S: 250 2.1.5 Ok
            C: DATA
            S: 354 *
            C: Subject: Hello
            C:
            C: .
        """)
        reply = talk.reply()[-1]
    ours, theirs = Message.objects.get(domain=domain), Message.objects.get(domain=other)
    assert addresses(ours) == ["info@example.com", "info+2@example.com"]
    assert addresses(theirs) == ["anyone@other.example"]
    assert ours.raw_id == theirs.raw_id
    assert reply == f"250 2.0.0 Ok: queued as {ours.id}"


def test_a_known_recipient_costs_no_query(statements: list[Statement], port: int) -> None:
    with begin(port) as talk:
        for _ in range(50):
            talk.play("""
                C: RCPT TO:<info@example.com>
                S: 250 2.1.5 Ok
                C: RCPT TO:<nobody@example.com>
                S: 550 5.1.1 *
            """)
    lookups = [one for one in statements if "local_part" in one.sql]
    assert len(lookups) == 2, [s.sql for s in statements]


def test_a_change_of_the_directory_shows(domain: Domain) -> None:
    def reply() -> str:
        return talk.ask("RCPT TO:<new@example.com>")

    limits = Limits(refused_recipients=1000)
    with ServerInThread(limits=limits) as server, begin(server.port) as talk:
        assert reply() == "550 5.1.1 No such recipient here"
        recipient = Recipient.objects.create(domain=domain, local_part="new", webhook_url=URL)
        wait_until(lambda: reply() == "250 2.1.5 Ok")
        recipient.delete()
        wait_until(lambda: reply() == "550 5.1.1 No such recipient here")
        Domain.objects.update(is_enabled=False)
        wait_until(lambda: reply() == "550 5.1.2 This domain is not served here")
