"""The five examples that the product was specified with, byte for byte as we write JSON: our bodies
have every field of them, in their order. What an example cuts short ends in dots; what we have
beside it is in the schema."""

import json
from base64 import b64decode
from email.encoders import encode_base64
from email.mime.base import MIMEBase
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.policy import SMTP
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import orjson
import pytest
from pydantic import SecretStr

from delivery.bodies.body import Body, build
from delivery.bodies.content import read_mail
from delivery.bodies.kept import Kept
from delivery.jobs import Job
from delivery.models import StoredObject
from delivery.objects.bucket import Bucket
from delivery.objects.contents import attachment_contents
from delivery.tests.payload_schema import checked
from delivery.tests.plain_jobs import make_job
from fastsmtp.config import Config, config

FOLDER = Path(__file__).parent / "specified"
SPECIFIED: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))
}
# The examples name a header's value without its parameters, which a real mail cannot do.
CUT_SHORT = {"Content-Type"}
ADDED_TO_ATTACHMENTS = {"index", "disposition", "content_id", "inline", "sha256", "charset"}


@pytest.fixture
def s3_config() -> Config:
    """As the specification's example of AWS."""
    return config().model_copy(
        update={
            "s3_bucket": "my-email-attachments",
            "s3_access_key": SecretStr("AKIAIOSFODNN7EXAMPLE"),
            "s3_secret_key": SecretStr("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
            "s3_region": "us-west-2",
        }
    )


@pytest.mark.parametrize("name", SPECIFIED)
def test_an_example(name: str, s3_config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    specified = SPECIFIED[name]
    has_links = any("presigned_url" in item for item in specified["attachments"])
    monkeypatch.setattr(config(), "s3_presigned_urls", has_links)
    payload = checked(_build(specified, s3_config))
    assert orjson.dumps(_as_specified(specified, payload)) == orjson.dumps(specified)
    for theirs, ours in zip(specified["attachments"], payload["attachments"], strict=True):
        assert ours.keys() == theirs.keys() | ADDED_TO_ATTACHMENTS


@pytest.mark.parametrize("mode", ["multipart", "thin"])
@pytest.mark.parametrize("name", SPECIFIED)
def test_other_modes_keep_to_the_schema(name: str, mode: str, s3_config: Config) -> None:
    payload = checked(_build(SPECIFIED[name], s3_config, mode=mode), is_thin=mode == "thin")
    for theirs, ours in zip(SPECIFIED[name]["attachments"], payload["attachments"], strict=True):
        assert "content" not in ours
        assert ours.get("bucket") == theirs.get("bucket")
    assert payload["raw_message"].get("bucket") == "my-email-attachments"


def test_all_examples_are_here() -> None:
    assert SPECIFIED.keys() == {"inline", "s3", "presigned", "fallback", "multiple"}


def _build(specified: dict[str, Any], s3_config: Config, *, mode: str = "json") -> Body:
    """Of a mail that has what the example tells of it."""
    raw = _compose(specified)
    recipient = specified.get("to", "recipient@yourdomain.com")
    job = make_job(
        target={"mode": mode},
        recipient_address=recipient,
        rcpt_to=[[recipient, "01943a5c-0000-7000-8000-000000000005"]],
        mail_from=specified.get("from", "sender@example.com"),
    )
    with Bucket(s3_config, connections=1) as bucket:
        kept = _keep(job, raw, bucket, specified["attachments"])
        return build(job, raw, kept=kept)


def _keep(job: Job, raw: bytes, bucket: Bucket, specified: list[dict[str, Any]]) -> Kept:
    """The bucket took what the example has there, under the keys that we give, and the raw mail."""
    mail = read_mail(raw, "")
    contents = attachment_contents(
        job,
        mail.attachments,
        prefix=config().s3_prefix,
        internet_message_id=mail.message_id,
    )
    rows = {
        content.number - 1: StoredObject(bucket=bucket.name, key=content.key)
        for content, item in zip(contents, specified, strict=True)
        if "storage" in item
    }
    is_wanted = any("storage" in item or "storage_fallback" in item for item in specified)
    archived = StoredObject(bucket=bucket.name, key="raw/1.eml", size=len(raw), sha256="0" * 64)
    return Kept(links=bucket, attachments=rows, raw=archived, is_wanted=is_wanted)


def _compose(specified: dict[str, Any]) -> bytes:
    headers = specified.get("headers", {})
    message = MIMEMultipart()
    content_type = message["Content-Type"]
    del message["Content-Type"]
    message["From"] = headers.get("From", specified.get("from", "sender@example.com"))
    message["To"] = headers.get("To", specified.get("to", "recipient@yourdomain.com"))
    message["Subject"] = specified.get("subject", "")
    message["Date"] = specified.get("date", "Mon, 06 Jan 2025 10:00:00 +0000")
    message["Message-ID"] = specified.get("message_id", "<abc123@sender.com>")
    message["Content-Type"] = content_type
    text = MIMEMultipart("alternative")
    text.attach(MIMEText(specified.get("body_text", "text")))
    text.attach(MIMEText(specified.get("body_html", "<p>text</p>"), "html"))
    message.attach(text)
    for item in specified["attachments"]:
        part = MIMEBase(*item["content_type"].split("/"))
        part.set_payload(_content(item))
        encode_base64(part)
        part.add_header("Content-Disposition", "attachment", filename=item["filename"])
        message.attach(part)
    return message.as_bytes(policy=SMTP)


def _content(item: dict[str, Any]) -> bytes:
    """So many bytes, and the first ones that the example shows."""
    shown = item.get("content", "").removesuffix("...")
    begin = b64decode(shown + "=" * (-len(shown) % 4) if len(shown) % 4 != 1 else shown + "w==")
    return begin.ljust(item["size"], b"\n")


def _as_specified(specified: Any, ours: Any, name: str = "") -> Any:
    """What we have of their keys, in our order. What they could only hint at is checked, and said
    in their words."""
    match specified:
        case dict():
            assert specified.keys() <= ours.keys(), name
            return {
                key: _as_specified(specified[key], value, key)
                for key, value in ours.items()
                if key in specified
            }
        case [dict(), *_]:
            return [_as_specified(*both, name) for both in zip(specified, ours, strict=True)]
        case str() if name == "presigned_url":
            _compare_presigned(specified, ours)
            return specified
        case str() if specified.endswith("...") or name in CUT_SHORT:
            assert ours.startswith(specified.removesuffix("...")), name
            return specified
    return ours


def _compare_presigned(specified: str, ours: str) -> None:
    """The same request for the same object. The example has the bucket in the host; we have it in
    the path, as in `url`."""
    theirs, our = urlsplit(specified), urlsplit(ours)
    assert our.scheme == theirs.scheme
    if theirs.path:
        assert our.netloc == theirs.netloc.removeprefix("my-email-attachments.")
        assert unquote(our.path) == "/my-email-attachments" + theirs.path
        asked, expected = parse_qs(our.query), parse_qs(theirs.query)
        assert asked.keys() == expected.keys() | {"X-Amz-SignedHeaders"}
        for same in ("X-Amz-Algorithm", "X-Amz-Expires"):
            assert asked[same] == expected[same]
