"""docs/payload.schema.json says what receivers get: real payloads keep to it, and it to them."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given

import fastsmtp
from delivery.body import build
from delivery.tests.plain_jobs import make_job
from delivery.tests.test_payload import MAIL
from fastsmtp.mail.tests.mails import MAIL_PIECES

ROOT = Path(fastsmtp.__file__).parents[1]
SCHEMA: dict[str, Any] = json.loads((ROOT / "docs" / "payload.schema.json").read_text())
MAILS = [
    *(ROOT / "fastsmtp" / "samples").glob("*.eml"),
    *(ROOT / "fastsmtp" / "mail" / "tests" / "golden").glob("*.eml"),
]

_validator = jsonschema.Draft202012Validator(SCHEMA)


def _check(raw: bytes, **changes: Any) -> dict[str, Any]:
    payload: dict[str, Any] = json.loads(build(make_job(**changes), raw).content)
    _validator.validate(payload)
    return payload


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_it_names_every_field_and_no_other() -> None:
    payload = _check(MAIL)
    assert payload.keys() == SCHEMA["properties"].keys() == set(SCHEMA["required"])


@pytest.mark.parametrize("path", MAILS, ids=lambda path: path.stem)
def test_real_mail_keeps_to_it(path: Path) -> None:
    _check(path.read_bytes())


@given(MAIL_PIECES)
def test_any_mail_keeps_to_it(raw: bytes) -> None:
    _check(raw)


_S3 = {
    "filename": "invoice-2025-01.pdf",
    "content_type": "application/pdf",
    "size": 45678,
    "storage": "s3",
    "bucket": "my-email-attachments",
    "key": "attachments/yourdomain.com/abc123@sender.com/invoice-2025-01.pdf",
    "url": "https://s3.us-west-2.amazonaws.com/my-email-attachments/attachments/invoice.pdf",
}
SPECIFIED_ATTACHMENTS = {
    "inline": {
        "filename": "invoice-2025-01.pdf",
        "content_type": "application/pdf",
        "size": 45678,
        "content": "JVBERi0xLjQK",
    },
    "S3": _S3,
    "S3 with a presigned URL": {**_S3, "presigned_url": "https://bucket.example/invoice?X-Amz=1"},
    "S3 failed": {
        "filename": "invoice-2025-01.pdf",
        "content_type": "application/pdf",
        "size": 45678,
        "storage_fallback": True,
        "content": "JVBERi0xLjQK",
    },
}


@pytest.mark.parametrize("item", SPECIFIED_ATTACHMENTS.values(), ids=SPECIFIED_ATTACHMENTS)
def test_every_attachment_of_the_specification_keeps_to_it(item: dict[str, Any]) -> None:
    schema = {"$ref": "#/$defs/attachment", "$defs": SCHEMA["$defs"]}
    jsonschema.Draft202012Validator(schema).validate(item)
    assert item.keys() <= SCHEMA["$defs"]["attachment"]["properties"].keys()


RESULTS = (
    'mx.example.net; spf=softfail reason="not; \\"listed\\"" smtp.mailfrom=a@example.com;'
    " dkim=pass header.d=mail.example.com header.s=s1 header.a=rsa-sha256;"
    ' dkim=fail reason="body hash" header.d=other.example'
)


def test_what_was_verified() -> None:
    auth = _check(MAIL, authentication_results=RESULTS, spf_domain="example.com")["auth"]
    assert auth == {
        "spf": {
            "result": "softfail",
            "domain": "example.com",
            "identity": "mailfrom",
            "reason": 'not; "listed"',
        },
        "dkim": [
            {
                "result": "pass",
                "domain": "mail.example.com",
                "selector": "s1",
                "algorithm": "rsa-sha256",
                "aligned": True,
                "reason": "",
            },
            {
                "result": "fail",
                "domain": "other.example",
                "selector": None,
                "algorithm": None,
                "aligned": False,
                "reason": "body hash",
            },
        ],
    }


def test_an_unencrypted_session_has_no_tls() -> None:
    assert _check(MAIL, tls_version="", tls_cipher="")["envelope"]["tls"] is None
