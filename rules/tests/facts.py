"""A mail as rules see it."""

from typing import Any

from fastsmtp.mail.message import parse
from rules.facts import Facts

MAIL = b"From: ada@example.org\r\nSubject: Hello\r\n\r\nIt works.\r\n"


def make_facts(raw: bytes = MAIL, **fields: Any) -> Facts:
    mail = parse(raw)
    values: dict[str, Any] = {
        "recipient": "support@example.com",
        "envelope_from": "ada@example.org",
        "subject": mail.subject,
        "from_address": mail.from_address,
        "size": len(raw),
        "client_ip": "192.0.2.1",
        "dkim_result": "none",
        "dkim_domain": None,
        "spf_result": "none",
        "spf_domain": None,
        "mail": lambda: mail,
    }
    return Facts(**{**values, **fields})
