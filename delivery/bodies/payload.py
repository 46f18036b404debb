"""The JSON body of a webhook, built anew for every call from the stored message."""

from typing import Any

from delivery.bodies.payload_parts import (
    describe_addresses,
    describe_auth,
    describe_calendar,
    describe_envelope,
)
from delivery.bodies.trace import received
from delivery.jobs import Job
from fastsmtp.mail.address import split_tag
from fastsmtp.mail.message import ParsedMessage

SCHEMA_VERSION = 1


def describe_thin(job: Job, mail: ParsedMessage, *, raw_message: dict[str, Any]) -> dict[str, Any]:
    """What costs little: no text is made for it. All but the attachments, whose place is kept."""
    facts = _describe_letter(job, mail) | _describe_findings(job, mail, raw_message)
    return facts | {"truncated": list(mail.truncated)}


def describe(job: Job, mail: ParsedMessage, *, raw_message: dict[str, Any]) -> dict[str, Any]:
    """The same and the rest, in the order that is documented."""
    headers_list = [["Received", received(job)], *map(list, mail.headers)]
    headers: dict[str, str] = {}
    for name, value in headers_list:
        headers.setdefault(name, value)
    contents = {
        "cc": mail.cc,
        "reply_to": mail.reply_to,
        "in_reply_to": mail.in_reply_to,
        "references": mail.references,
        "addresses": describe_addresses(mail),
        "headers": headers,
        "headers_list": headers_list,
        "body_text": mail.body_text,
        "body_html": mail.body_html,
        "stripped_text": mail.reply.stripped,
        "quoted_text": mail.reply.quoted,
        "signature_text": mail.reply.signature,
        "calendar": describe_calendar(mail),
        "auth": describe_auth(job, mail.from_address),
        "envelope": describe_envelope(job),
    }
    facts = _describe_letter(job, mail) | contents | _describe_findings(job, mail, raw_message)
    # Last: what is made on demand has added its own by now.
    mail.decode()
    return facts | {"truncated": list(mail.truncated), "defects": list(mail.defects)}


def _describe_letter(job: Job, mail: ParsedMessage) -> dict[str, Any]:
    local_part, _, _ = job.recipient_address.rpartition("@")
    return {
        "type": job.event,
        "schema_version": SCHEMA_VERSION,
        "timestamp": job.received_at.isoformat(timespec="milliseconds"),
        "id": str(job.delivery_id),
        "email_id": str(job.message_id),
        "domain": job.target.domain_name,
        "recipient": job.recipient_address,
        "recipient_tag": split_tag(local_part)[1],
        "message_id": mail.message_id,
        "from": mail.from_address,
        "to": job.recipient_address,
        "subject": mail.subject,
        "date": mail.date,
        "envelope_from": job.mail_from,
        "envelope_to": [address for address, _ in job.rcpt_to],
    }


def _describe_findings(
    job: Job, mail: ParsedMessage, raw_message: dict[str, Any]
) -> dict[str, Any]:
    return {
        "has_attachments": bool(mail.attachments),
        "attachments": [],
        "dkim_result": job.dkim_result,
        "dkim_domain": job.dkim_domain,
        "spf_result": job.spf_result,
        "spf_domain": job.spf_domain,
        "client_ip": job.client_ip,
        "tags": job.tags,
        "size": job.size,
        "raw_message": raw_message,
    }
