"""The fields of the payload that have fields of their own."""

from typing import Any

from delivery.jobs import Job
from fastsmtp.mail.authres import MethodResult, read_results
from fastsmtp.mail.dkim import is_aligned
from fastsmtp.mail.invites import Event
from fastsmtp.mail.mailboxes import HeaderMailbox
from fastsmtp.mail.message import ParsedMessage


def describe_addresses(mail: ParsedMessage) -> dict[str, Any]:
    described: dict[str, Any] = {
        name.replace("-", "_"): [_describe_mailbox(mailbox) for mailbox in mailboxes]
        for name, mailboxes in mail.addresses.items()
    }
    described["sender"] = next(iter(described["sender"]), None)  # RFC 5322 §3.6.2: there is one
    return described


def describe_calendar(mail: ParsedMessage) -> list[dict[str, Any]]:
    return [_describe_event(event, index) for index, event in mail.events]


def describe_envelope(job: Job) -> dict[str, Any]:
    """`tls` is null for a mail that came unencrypted."""
    tls = {"version": job.tls_version, "cipher": job.tls_cipher} if job.tls_version else None
    return {
        "from": job.mail_from,
        "to": [address for address, _ in job.rcpt_to],
        "helo": job.helo,
        "client_ip": job.client_ip,
        "tls": tls,
        "smtputf8": job.smtputf8,
    }


def describe_auth(job: Job, from_address: str) -> dict[str, Any]:
    """What each method found, from the field that we wrote; methods that did not run are absent."""
    described: dict[str, Any] = {}
    from_domain = from_address.rpartition("@")[2]
    for found in read_results(job.authentication_results):
        properties = dict(found.properties)
        if found.method == "dkim":
            signature = _describe_signature(found, properties, from_domain)
            described.setdefault("dkim", []).append(signature)
        elif found.method == "spf":
            identity = "mailfrom" if "smtp.mailfrom" in properties else "helo"
            described["spf"] = {
                "result": found.result,
                "domain": job.spf_domain,
                "identity": identity if properties else None,
                "reason": found.reason,
            }
    return described


def _describe_signature(
    found: MethodResult, properties: dict[str, str], from_domain: str
) -> dict[str, Any]:
    domain = properties.get("header.d")
    return {
        "result": found.result,
        "domain": domain,
        "selector": properties.get("header.s"),
        "algorithm": properties.get("header.a"),
        "aligned": is_aligned(domain or "", from_domain),
        "reason": found.reason,
    }


def _describe_event(event: Event, attachment_index: int) -> dict[str, Any]:
    return {
        "method": event.method,
        "uid": event.uid,
        "sequence": event.sequence,
        "summary": event.summary,
        "start": event.start,
        "end": event.end,
        "organizer": event.organizer and _describe_mailbox(event.organizer),
        "attendees": [
            {"name": person.name, "address": person.address, "status": person.status}
            for person in event.attendees
        ],
        "attachment_index": attachment_index,
    }


def _describe_mailbox(mailbox: HeaderMailbox) -> dict[str, str]:
    return {"name": mailbox.name, "address": mailbox.address}
