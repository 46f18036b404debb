"""`send_test`: a mail over SMTP, and a sentence about what became of it."""

import io
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.models import Domain
from delivery.courier.suspicion import PROCESS_ENDED
from delivery.models import Delivery, Lane, Recipient
from delivery.tests.records import URL, create_delivery, create_endpoint, create_message
from fastsmtp.tests.smtp_server import SMTPServer

Status = Delivery.Status


@pytest.fixture
def server() -> Iterator[SMTPServer]:
    with SMTPServer() as server:
        yield server


@pytest.fixture
def delivery() -> Delivery:
    domain = Domain.objects.create(domain_name="example.com")
    recipient = Recipient.objects.create(domain=domain, webhook_url=URL)
    return create_delivery(create_message(domain), recipient, create_endpoint(domain))


@pytest.fixture
def queued(server: SMTPServer, delivery: Delivery) -> SMTPServer:
    """The server that stored the message of `delivery`."""
    server.data_reply = f"250 2.0.0 Ok: queued as {delivery.message_id}"
    return server


def _send(server: SMTPServer, *arguments: str) -> str:
    output = io.StringIO()
    call_command(
        "send_test",
        "support@example.com",
        "--host=127.0.0.1",
        f"--port={server.port}",
        *arguments,
        stdout=output,
    )
    return output.getvalue()


def test_a_message_is_made(server: SMTPServer) -> None:
    server.data_reply = "250 2.0.0 Ok: queued somewhere"
    output = _send(server, "--from=ada@example.org", "--subject=Grüße", "--body=Hello")
    assert output == "250 2.0.0 Ok: queued somewhere\n"
    envelope = server.envelopes[0]
    assert envelope.mail_from == "ada@example.org"
    assert envelope.rcpt_tos == ["support@example.com"]
    assert isinstance(envelope.content, bytes)
    assert b"To: support@example.com\r\n" in envelope.content
    assert envelope.content.endswith(b"\r\n\r\nHello\r\n")


def test_a_file_is_sent_as_it_is_but_for_line_ends(server: SMTPServer, tmp_path: Path) -> None:
    file = tmp_path / "mail.eml"
    file.write_bytes(b"Subject: x\n\n.dot\r\nbare\rend\n")
    _send(server, f"--eml={file}")
    assert server.envelopes[0].content == b"Subject: x\r\n\r\n.dot\r\nbare\r\nend\r\n"


def test_a_file_that_is_not_there(server: SMTPServer) -> None:
    with pytest.raises(CommandError, match=r"nowhere\.eml cannot be read"):
        _send(server, "--eml=nowhere.eml")


def test_a_refusal(server: SMTPServer) -> None:
    server.rcpt_reply = "550 5.1.1 No such recipient"
    with pytest.raises(CommandError, match=r"The server refused: 550 5\.1\.1 No such recipient"):
        _send(server)
    assert not server.envelopes


def test_nobody_answers(server: SMTPServer) -> None:
    with pytest.raises(CommandError, match="No SMTP server answers at 127.0.0.1:1 "):
        call_command("send_test", "a@example.com", "--host=127.0.0.1", "--port=1")


@pytest.mark.django_db
def test_delivered(queued: SMTPServer, delivery: Delivery) -> None:
    received_at = delivery.message.received_at
    Delivery.objects.update(
        status=Status.DELIVERED, delivered_at=received_at + timedelta(milliseconds=42)
    )
    assert f"Delivered to {URL} in 42 ms." in _send(queued)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"status": "failed", "last_error": "HTTP 404", "last_status_code": 404}, "n8n"),
        ({"status": "failed", "last_error": "HTTP 401", "last_status_code": 401}, "credentials"),
        ({"status": "failed", "last_error": "HTTP 500", "last_status_code": 500}, "its own log"),
        ({"status": "failed", "last_error": "HTTP 422", "last_status_code": 422}, "not accept"),
        ({"status": "pending", "last_error": "HTTP 503", "last_status_code": 503}, "busy"),
        ({"status": "failed", "last_error": "connection refused"}, "Check the URL"),
        (
            {"status": "exhausted", "last_error": "10.0.0.1", "reason": "not_allowed"},
            "FASTSMTP_WEBHOOK_ALLOWED_INTERNAL_DOMAINS",
        ),
        ({"status": "exhausted", "last_error": PROCESS_ENDED, "reason": "deadly"}, "retry"),
    ],
)
def test_not_delivered(queued: SMTPServer, fields: dict[str, object], words: str) -> None:
    Delivery.objects.update(**fields)
    _, outcome, advice = _send(queued).splitlines()
    assert outcome == f"{str(fields['status']).capitalize()}: {fields['last_error']}."
    assert words in advice


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "outcome", "words"),
    [
        (
            {"last_error": "the receiver answered 410", "last_status_code": 410},
            "Held: the receiver answered 410.",
            "closed this webhook",
        ),
        ({}, "Held: by alice.", "`endpoint enable URL`"),
    ],
)
def test_held(queued: SMTPServer, fields: dict[str, object], outcome: str, words: str) -> None:
    Lane.objects.update(state=Lane.State.DISABLED, disabled_reason="by alice")
    Delivery.objects.update(**fields)
    _, told, advice = _send(queued).splitlines()
    assert told == outcome
    assert words in advice


@pytest.mark.django_db
@pytest.mark.parametrize("status", ["dropped", "quarantined", "cancelled"])
def test_what_is_not_a_failure_gets_no_advice(queued: SMTPServer, status: str) -> None:
    Delivery.objects.update(status=status, reason="a rule")
    assert _send(queued).splitlines()[1:] == [f"{status.capitalize()}: a rule."]


@pytest.mark.django_db
def test_not_waiting(queued: SMTPServer) -> None:
    assert len(_send(queued, "--no-wait").splitlines()) == 1


@pytest.fixture
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("delivery.management.commands.send_test.PATIENCE", 0.2)


@pytest.mark.django_db
@pytest.mark.usefixtures("impatience")
def test_nobody_takes_it(queued: SMTPServer) -> None:
    assert "No worker has taken it yet" in _send(queued)
    Delivery.objects.all().delete()
    assert "Not routed yet: is a worker running?" in _send(queued)


def _later(change: Callable[[], object]) -> threading.Timer:
    def run() -> None:
        try:
            change()
        finally:
            connection.close()

    timer = threading.Timer(0.3, run)
    timer.start()
    return timer


@pytest.mark.django_db(transaction=True)
def test_an_outcome_is_waited_for(
    queued: SMTPServer, delivery: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("delivery.management.commands.send_test.PATIENCE", 60.0)
    received_at = delivery.message.received_at
    timer = _later(
        lambda: Delivery.objects.update(status=Status.DELIVERED, delivered_at=received_at)
    )
    assert "Delivered" in _send(queued)
    timer.join()
