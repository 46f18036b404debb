"""The body of a call, in the mode of its endpoint. Built anew for every call, stored nowhere."""

import hashlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from delivery.bodies import attachments, fact_headers, payload
from delivery.bodies.content import read_mail
from delivery.bodies.fitting import fit
from delivery.bodies.kept import NOTHING, Kept
from delivery.bodies.links import RAW, make_link
from delivery.bodies.multipart import File, Text, encode
from delivery.bodies.trace import as_delivered
from delivery.jobs import Job
from delivery.lanes.answers import SUSPICIOUS_SIZE
from delivery.models import Endpoint
from fastsmtp.mail.message import ParsedMessage

JSON = "application/json; charset=utf-8"
SMALLER = SUSPICIOUS_SIZE  # bytes of a body for who could not take a larger one
MAX_SCALAR = 64 * 1024  # characters of a text that stands in a form a second time


@dataclass(frozen=True, kw_only=True, slots=True)
class Body:
    """`form_payload` is the JSON inside a form, which is signed by itself."""

    content: bytes
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    form_payload: bytes | None = None


def build(job: Job, raw: bytes, *, mail: ParsedMessage | None = None, kept: Kept = NOTHING) -> Body:
    """With links instead of contents when the endpoint takes no more, and then with less text. Text
    that the mail could not express in Unicode holds U+FFFD."""
    most = _most_bytes(job)
    for body in _ever_smaller(job, raw, mail, kept, most):
        if len(body.content) <= most:
            break
    return body


def _most_bytes(job: Job) -> int:
    most = job.target.max_body_bytes or sys.maxsize
    return min(most, SMALLER) if job.wants_links else most  # whatever it was set to is too much


def _ever_smaller(
    job: Job, raw: bytes, mail: ParsedMessage | None, kept: Kept, most: int
) -> Iterator[Body]:
    """Each is made when the one before it was too large, and of the mail only what it carries."""
    mode = job.target.mode
    if mode == Endpoint.Mode.RAW and not job.wants_links:
        yield _make_raw(job, raw)
    mail = mail or read_mail(raw, job.authentication_results)
    raw_message = _describe_raw(job, raw, kept)
    if mode in (Endpoint.Mode.RAW, Endpoint.Mode.THIN):
        thin = payload.describe_thin(job, mail, raw_message=raw_message)
        thin["attachments"] = attachments.link(job, mail.attachments, kept)
        yield Body(content=orjson.dumps(thin))
        yield Body(content=orjson.dumps(fit(thin, most)))
        return
    facts = payload.describe(job, mail, raw_message=raw_message)
    is_form = mode == Endpoint.Mode.MULTIPART
    for has_room in (False,) if job.wants_links else (True, False):
        placed = list(attachments.place(job, mail.attachments, kept, has_room=has_room))
        yield _make_form(facts, placed) if is_form else _make_json(facts, placed)
    if is_form:
        thin = payload.describe_thin(job, mail, raw_message=raw_message)
        yield _fit_form(facts, thin, placed, most)
    else:
        yield _make_json(facts, placed, most)


def _make_raw(job: Job, raw: bytes) -> Body:
    return Body(
        content=as_delivered(job, raw),
        content_type="message/rfc822",
        headers=fact_headers.describe(job),
    )


def _make_json(
    facts: dict[str, Any], placed: Sequence[attachments.Placed], most: int | None = None
) -> Body:
    facts = facts | {"attachments": [item.with_content() for item in placed]}
    return Body(content=orjson.dumps(facts if most is None else fit(facts, most)))


def _make_form(facts: dict[str, Any], placed: Sequence[attachments.Placed]) -> Body:
    """Scalars stand as fields of their own too, for who reads forms and no JSON; a long text is in
    the payload only. An empty file is left out: n8n answered 500 to the whole form until 2026
    (n8n-io/n8n#36832)."""
    inner = orjson.dumps(facts | {"attachments": [item.facts for item in placed]})
    fields: list[Text | File] = [Text("payload", inner.decode())]
    fields += _scalars(facts)
    for item in placed:
        if item.is_carried and item.attachment.size:
            fields.append(
                File(
                    f"attachment_{item.attachment.index}",
                    item.attachment.filename,
                    item.attachment.content_type,
                    item.attachment.content,
                )
            )
    content_type, content = encode(fields)
    return Body(content=content, content_type=content_type, form_payload=inner)


def _fit_form(
    facts: dict[str, Any], thin: dict[str, Any], placed: Sequence[attachments.Placed], most: int
) -> Body:
    """A payload that was cut is not repeated beyond the fields of `thin`."""
    scalars = list(_scalars(thin))
    _, rest = encode([Text("payload", ""), *scalars])
    described = facts | {"attachments": [item.facts for item in placed]}
    inner = orjson.dumps(fit(described, most - len(rest)))
    content_type, content = encode([Text("payload", inner.decode()), *scalars])
    return Body(content=content, content_type=content_type, form_payload=inner)


def _scalars(facts: dict[str, Any]) -> Iterator[Text]:
    for name, value in facts.items():
        if isinstance(value, str) and len(value) <= MAX_SCALAR:
            yield Text(name, value)
        elif isinstance(value, int):
            yield Text(name, orjson.dumps(value).decode())


def _describe_raw(job: Job, raw: bytes, kept: Kept) -> dict[str, Any]:
    if kept.raw is not None:
        return kept.describe(kept.raw) | {"size": kept.raw.size, "sha256": kept.raw.sha256}
    return {
        "url": make_link(job.delivery_id, RAW),
        "size": len(raw),
        "sha256": hashlib.sha256(raw).hexdigest(),
    }
