"""An event as a mail to an owner of the domain.

It must never start a conversation between machines: RFC 3834 §5 has the header, the null sender of
the envelope does the rest, and what becomes of it in our own gateway is no event (`events.notes`).
"""

from dataclasses import dataclass
from datetime import timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Self

from django.utils import timezone

from delivery.events.message_ids import message_id_of
from delivery.events.sendings import Claimed
from delivery.events.wording import tell_in_full
from fastsmtp.config import Config
from fastsmtp.mail_relay import MailRelay, NotTaken
from fastsmtp.words import counted

SENDER_NAME = "FastSMTP"


@dataclass(frozen=True)
class EventMailer:
    relay: MailRelay
    sender: str
    interval: timedelta

    @classmethod
    def from_config(cls, config: Config, relay: MailRelay) -> Self:
        return cls(relay=relay, sender=config.events_mail_from, interval=config.events_interval)

    def send(self, claimed: Claimed) -> str:
        """Why it was not taken, empty when it was. Blocks."""
        try:
            self.relay.send(self.compose(claimed), to=claimed.address)
        except NotTaken as error:
            return str(error)
        except ValueError as error:  # an address that is none
            return f"the mail could not be made: {error}"
        return ""

    def compose(self, claimed: Claimed) -> EmailMessage:
        """Raises ValueError for an address that cannot stand in a header."""
        payload = claimed.payload
        message = EmailMessage(policy=SMTP)
        message["From"] = Address(SENDER_NAME, addr_spec=self.sender)
        message["To"] = Address(addr_spec=claimed.address)
        message["Subject"] = f"[{SENDER_NAME}] {payload['summary']}"
        message["Date"] = format_datetime(timezone.now())
        message["Message-ID"] = message_id_of(claimed.event_id, sender=self.sender)
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834 §5
        message["Precedence"] = "bulk"  # what stood there before that RFC, and still does
        message["X-Auto-Response-Suppress"] = "All"  # for Exchange
        message["FastSMTP-Event"] = payload["type"]
        message.set_content(tell_in_full(payload, next_in=_in_words(self.interval)))
        return message


def _in_words(interval: timedelta) -> str:
    minutes = round(interval / timedelta(minutes=1))
    hours, rest = divmod(minutes, 60)
    return counted(hours, "hour") if hours and not rest else counted(minutes, "minute")
