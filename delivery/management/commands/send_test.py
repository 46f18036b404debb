"""A mail over SMTP to our own server, followed on its way to the webhook."""

import re
import time
from collections.abc import Iterator
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management import BaseCommand, CommandError
from django.core.management.base import CommandParser
from django.utils import timezone

from delivery.courier.advice import advice_for
from delivery.models import Delivery
from delivery.states import HELD, shown_status
from fastsmtp import smtp_client
from fastsmtp.config import config

PATIENCE = 5.0  # seconds to wait for the first outcome
POLL_INTERVAL = 0.05  # seconds


class Command(BaseCommand):
    help = "Sends a mail over SMTP to this server and tells what became of it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("address", metavar="ADDRESS")
        parser.add_argument("--from", dest="mail_from", default="sender@example.org")
        parser.add_argument("--subject", default="A test from FastSMTP")
        parser.add_argument("--body", default="It works.")
        parser.add_argument("--eml", type=Path, metavar="FILE", help="send this message instead")
        parser.add_argument("--host", help="SMTP server (default: this one)")
        parser.add_argument("--port", type=int)
        parser.add_argument("--no-wait", action="store_true", help="do not follow the delivery")

    def handle(
        self,
        *,
        address: str,
        mail_from: str,
        host: str | None,
        port: int | None,
        no_wait: bool,
        **content: Any,
    ) -> None:
        reply = self._send(
            _message(address=address, mail_from=mail_from, **content),
            address=address,
            mail_from=mail_from,
            host=host or smtp_client.local_target(config().smtp_host),
            port=port or config().smtp_port,
        )
        self.stdout.write(reply)
        queued = re.search(r"queued as ([0-9a-f-]{36})", reply)
        if queued and not no_wait:
            self._follow(UUID(queued[1]))

    def _send(self, raw: bytes, *, address: str, mail_from: str, host: str, port: int) -> str:
        try:
            return smtp_client.send(raw, mail_from=mail_from, rcpt_to=address, host=host, port=port)
        except smtp_client.Refused as error:
            raise CommandError(f"The server refused: {error}") from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise CommandError(f"No SMTP server answers at {host}:{port} ({reason}).") from None

    def _follow(self, message_id: UUID) -> None:
        delivery = _first_outcome(message_id)
        if delivery is None:
            self.stdout.write("Not routed yet: is a worker running?")
            return
        self.stdout.write(_describe(delivery))
        if advice := advice_for(delivery):
            self.stdout.write(advice)


def _message(*, eml: Path | None, **content: Any) -> bytes:
    if eml is None:
        return _compose(**content)
    try:
        return eml.read_bytes()
    except OSError as error:
        raise CommandError(f"{eml} cannot be read ({error.strerror}).") from None


def _compose(*, address: str, mail_from: str, subject: str, body: str, **_: Any) -> bytes:
    message = EmailMessage()
    try:
        message["From"] = mail_from
        message["To"] = address
        message["Subject"] = subject
    except ValueError as error:
        raise CommandError(f"That does not make a message: {error}.") from None
    message["Date"] = format_datetime(timezone.now())
    message["Message-ID"] = make_msgid(domain="fastsmtp.invalid")
    message.set_content(body)
    return message.as_bytes()


def _first_outcome(message_id: UUID) -> Delivery | None:
    """The delivery once its first call is over, or as it is when the patience is."""
    delivery = None
    for delivery in _looks(message_id):
        if delivery is not None and (delivery.last_error or not _is_on_its_way(delivery)):
            break
    return delivery


def _looks(message_id: UUID) -> Iterator[Delivery | None]:
    deadline = time.monotonic() + PATIENCE
    deliveries = Delivery.objects.select_related("message", "endpoint__lane").filter(
        message=message_id
    )
    while time.monotonic() < deadline:
        yield deliveries.first()
        time.sleep(POLL_INTERVAL)


def _is_on_its_way(delivery: Delivery) -> bool:
    return delivery.status == Delivery.Status.PENDING and shown_status(delivery) != HELD


def _describe(delivery: Delivery) -> str:
    if delivery.delivered_at is not None:
        took = delivery.delivered_at - delivery.message.received_at
        return f"Delivered to {delivery.webhook_url} in {took.total_seconds() * 1000:.0f} ms."
    status = shown_status(delivery)
    reason = delivery.last_error or delivery.reason
    if status == HELD and delivery.endpoint is not None:
        reason = reason or delivery.endpoint.lane.disabled_reason
    return f"{status.capitalize()}: {reason}." if reason else f"Still {status}."
