"""The fields that we put in front of a message as delivered (RFC 5321 §4.4, RFC 8601). The bytes as
received stay as they are."""

from delivery.jobs import Job
from delivery.objects.archives import Owed
from fastsmtp.config import config
from fastsmtp.mail.authres import remove_forged
from fastsmtp.mail.fields import write_field
from fastsmtp.mail.trace import describe_received
from fastsmtp.mail.words import replace_controls


def as_delivered(mail: Job | Owed, raw: bytes) -> bytes:
    """The message with our fields in front, and without those that others wrote in our name."""
    fields = write_field("Received", *_describe_received(mail))
    if mail.authentication_results:
        fields += write_field("Authentication-Results", mail.authentication_results)
    return fields + remove_forged(raw, config().our_hostname)


def received(job: Job) -> str:
    """The value of our Received field as a reader sees it, unfolded."""
    return replace_controls(" ".join(_describe_received(job)))


def _describe_received(mail: Job | Owed) -> list[str]:
    return describe_received(
        helo=mail.helo,
        client_ip=mail.client_ip,
        hostname=config().our_hostname,
        protocol=mail.protocol,
        queue_id=str(mail.message_id),
        recipients=[address for address, _ in mail.rcpt_to],
        received_at=mail.received_at,
    )
