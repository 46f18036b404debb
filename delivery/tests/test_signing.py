"""The signature of Standard Webhooks 1.0, computed here once more from its text."""

import hashlib
from base64 import b64decode, b64encode

import pytest

from delivery.bodies.signing import sign
from delivery.models.endpoint import SECRET_LENGTH, generate_secret
from delivery.tests.plain_jobs import KEY, SECRET

BLOCK = 64  # bytes, of SHA-256


def _hmac_sha256(key: bytes, content: bytes) -> bytes:
    """RFC 2104 §2, by hand."""
    padded = key.ljust(BLOCK, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded) + content).digest()
    return hashlib.sha256(bytes(byte ^ 0x5C for byte in padded) + inner).digest()


@pytest.mark.parametrize("body", [b"", b"{}", '{"subject":"Grüße"}'.encode(), b"\0" * 100_000])
def test_the_signature(body: bytes) -> None:
    signature = sign(secret=SECRET, webhook_id="msg_1", timestamp=1736157601, body=body)
    version, _, code = signature.partition(",")
    assert version == "v1"
    assert b64decode(code) == _hmac_sha256(KEY, b"msg_1.1736157601." + body)


def test_a_known_signature() -> None:
    """From the documentation of Standard Webhooks."""
    assert (
        sign(
            secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            webhook_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
            timestamp=1614265330,
            body=b'{"test": 2432232314}',
        )
        == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


@pytest.mark.parametrize(
    "change",
    [{"webhook_id": "msg_2"}, {"timestamp": 2}, {"body": b"[]"}, {"secret": "whsec_" + "AAAA" * 8}],
)
def test_everything_is_signed(change: dict[str, object]) -> None:
    values = {"secret": SECRET, "webhook_id": "msg_1", "timestamp": 1, "body": b"{}"}
    assert sign(**values) != sign(**{**values, **change})  # type: ignore[arg-type]


def test_a_generated_secret_has_a_key_that_is_text() -> None:
    """Tools that take no base64 use the key itself."""
    secret = generate_secret()
    assert secret.startswith("whsec_")
    key = b64decode(secret.removeprefix("whsec_"), validate=True).decode("ascii")
    assert len(key) == SECRET_LENGTH
    assert key.isalnum()
    assert generate_secret() != secret
    assert b64encode(key.encode()).decode() == secret.removeprefix("whsec_")
