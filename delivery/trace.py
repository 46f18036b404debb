"""The Received field that we put in front of a message as delivered (RFC 5321 §4.4)."""

from delivery.jobs import Job
from fastsmtp.config import config
from fastsmtp.mail.trace import write_received
from fastsmtp.mail.words import decode_header


def received(job: Job) -> str:
    """Its value as a reader sees it, unfolded. The bytes as received stay as they are."""
    _, _, value = write_received(
        helo=job.helo,
        client_ip=job.client_ip,
        hostname=config().our_hostname,
        protocol=job.protocol,
        queue_id=str(job.message_id),
        recipients=[address for address, _ in job.rcpt_to],
        received_at=job.received_at,
    ).partition(b":")
    return decode_header(value)
