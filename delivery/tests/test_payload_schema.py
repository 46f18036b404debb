"""docs/payload.schema.json says what receivers get: real payloads keep to it, and it to them."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given

import fastsmtp
from delivery.payload import build
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
    payload: dict[str, Any] = json.loads(build(make_job(**changes), raw))
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
