"""Mail as the programs of this world write it, and what we make of it: each .eml has its .json.

They are written by hand after what such programs send. When a change of the parser is meant to
change a .json, correct that by hand too.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from fastsmtp.mail.message import parse

GOLDEN = Path(__file__).with_name("golden")


def describe(raw: bytes) -> dict[str, Any]:
    mail = parse(raw)
    described = {
        "headers": mail.headers,
        "from_address": mail.from_address,
        "addresses": {
            name: [asdict(mailbox) for mailbox in mailboxes]
            for name, mailboxes in mail.addresses.items()
            if mailboxes
        },
        "body_text": mail.body_text,
        "body_html": mail.body_html,
        "reply": asdict(mail.reply),
        "attachments": [
            {
                "filename": a.filename,
                "content_type": a.content_type,
                "disposition": a.disposition,
                "content_id": a.content_id,
                "inline": a.inline,
                "charset": a.charset,
                "size": a.size,
                "sha256": a.sha256,
            }
            for a in mail.attachments
        ],
        "events": [{"attachment": index, **asdict(event)} for index, event in mail.events],
        "defects": mail.defects,
        "truncated": mail.truncated,
    }
    plain: dict[str, Any] = json.loads(json.dumps(described))
    return plain


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.eml")), ids=lambda path: path.stem)
def test_a_mail_is_read_as_it_was_before(path: Path) -> None:
    expected = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert describe(path.read_bytes()) == expected


def test_every_shape_is_here() -> None:
    assert len(list(GOLDEN.glob("*.eml"))) == len(list(GOLDEN.glob("*.json"))) == 18
