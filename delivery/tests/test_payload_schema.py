"""docs/payload.schema.json says what receivers get: real payloads keep to it, and it to them."""

from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given

from delivery.bodies.body import build
from delivery.tests.payload_schema import ROOT, SCHEMA, THIN, checked, definition
from delivery.tests.plain_jobs import make_job
from delivery.tests.test_payload import MAIL
from fastsmtp.mail.tests.mails import MAIL_PIECES

MAILS = [
    *(ROOT / "fastsmtp" / "samples").glob("*.eml"),
    *(ROOT / "fastsmtp" / "mail" / "tests" / "golden").glob("*.eml"),
]


def _check(raw: bytes, *, mode: str = "json", **changes: Any) -> dict[str, Any]:
    """What an endpoint of this mode is told: it keeps to the schema."""
    body = build(make_job(target={"mode": mode}, **changes), raw)
    return checked(body, is_thin=mode in ("thin", "raw"))


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_it_names_every_field_and_no_other() -> None:
    payload = _check(MAIL)
    assert payload.keys() == SCHEMA["properties"].keys() == set(SCHEMA["required"])


@given(MAIL_PIECES)
def test_any_mail_keeps_to_it(raw: bytes) -> None:
    _check(raw)


def test_thin_names_every_field_and_no_other() -> None:
    assert _check(MAIL, mode="thin").keys() == THIN["properties"].keys() == set(THIN["required"])
    assert _check(MAIL, mode="raw", oversize_failures=2).keys() == THIN["properties"].keys()


@pytest.mark.parametrize("oversize_failures", [0, 2])
@pytest.mark.parametrize("mode", ["json", "multipart", "thin"])
@pytest.mark.parametrize("path", MAILS, ids=lambda path: path.stem)
def test_every_mode_keeps_to_it(path: Path, mode: str, oversize_failures: int) -> None:
    _check(path.read_bytes(), mode=mode, oversize_failures=oversize_failures)


WHOLE = {
    "filename": "invoice.pdf",
    "content_type": "application/pdf",
    "size": 9,
    "index": 0,
    "disposition": "attachment",
    "content_id": None,
    "inline": False,
    "sha256": "0" * 64,
    "charset": None,
}
S3 = {"storage": "s3", "bucket": "b", "key": "k", "url": "https://s3.example/b/k"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"storage": "s3"},
        {"omitted_reason": "too_large"},
        {"presigned_url": "https://s3.example/b/k?X"},
        {"storage_fallback": False, "content": "JVBERi0xLjQK"},
        {**S3, "content": "JVBERi0xLjQK"},
        {**S3, "storage_fallback": True},
        {"download_url": "https://mail.example/", "content": "JVBERi0xLjQK"},
        {"omitted_reason": "no_idea", "download_url": "https://mail.example/"},
        {"sha256": None, "content": "JVBERi0xLjQK"},
    ],
)
def test_an_attachment_that_we_never_send(wrong: dict[str, Any]) -> None:
    validator = definition("attachment")
    validator.validate({**WHOLE, "content": "JVBERi0xLjQK"})
    validator.validate({**WHOLE, **S3})
    assert not validator.is_valid({**WHOLE, **wrong})


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
