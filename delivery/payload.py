"""The JSON body of a webhook, built anew for every call from the stored message."""

from base64 import b64encode
from collections.abc import Sequence
from typing import Any

import orjson

from delivery.content import read_mail
from delivery.jobs import Job
from delivery.trace import received
from fastsmtp.config import config
from fastsmtp.mail.address import split_tag
from fastsmtp.mail.attachment import Attachment

SCHEMA_VERSION = 1
EVENT = "email.received"


def build(job: Job, raw: bytes) -> bytes:
    """UTF-8 JSON; text that the mail could not express in Unicode holds U+FFFD."""
    return orjson.dumps(describe(job, raw))


def describe(job: Job, raw: bytes) -> dict[str, Any]:
    mail = read_mail(raw, job.authentication_results)
    headers: dict[str, str] = {}
    for name, value in (("Received", received(job)), *mail.headers):
        headers.setdefault(name, value)
    local_part, _, _ = job.recipient_address.rpartition("@")
    return {
        "type": EVENT,
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
        "cc": mail.cc,
        "reply_to": mail.reply_to,
        "in_reply_to": mail.in_reply_to,
        "references": mail.references,
        "subject": mail.subject,
        "date": mail.date,
        "envelope_from": job.mail_from,
        "envelope_to": [address for address, _ in job.rcpt_to],
        "headers": headers,
        "body_text": mail.body_text,
        "body_html": mail.body_html,
        "has_attachments": bool(mail.attachments),
        "attachments": _attachments(mail.attachments),
        "dkim_result": job.dkim_result,
        "dkim_domain": job.dkim_domain,
        "spf_result": job.spf_result,
        "spf_domain": job.spf_domain,
        "client_ip": job.client_ip,
        "tags": job.tags,
        "size": job.size,
        "defects": list(mail.defects),
    }


def _attachments(attachments: Sequence[Attachment]) -> list[dict[str, Any]]:
    """Contents as far as the limits allow; whatever is left out says why."""
    room = config().webhook_max_inline_payload_size
    described = []
    for attachment in attachments:
        item = _describe_attachment(attachment)
        if attachment.size > config().webhook_max_inline_attachment_size:
            item["omitted_reason"] = "too_large"
        elif attachment.size > room:
            item["omitted_reason"] = "payload_limit"
        else:
            room -= attachment.size
            item["content"] = b64encode(attachment.content).decode()
        described.append(item)
    return described


def _describe_attachment(attachment: Attachment) -> dict[str, Any]:
    return {
        "filename": attachment.filename,
        "content_type": attachment.content_type,
        "size": attachment.size,
        "index": attachment.index,
        "disposition": attachment.disposition,
        "content_id": attachment.content_id,
        "inline": attachment.inline,
        "sha256": attachment.sha256,
        "charset": attachment.charset,
    }
