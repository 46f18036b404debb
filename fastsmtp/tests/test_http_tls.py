"""A certificate that does not prove who answers ends the call before the request is sent."""

import asyncio
import datetime
import ssl
from collections.abc import Sequence
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from fastsmtp.http import Answer, Unreachable
from fastsmtp.http.door import Door
from fastsmtp.tests.http_receiver import LOOPBACK, OK, Receiver, always, receiving


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    return _make_certificate(tmp_path, expires_in=datetime.timedelta(days=1))


def _make_certificate(folder: Path, *, expires_in: datetime.timedelta) -> Path:
    """Key and self-signed certificate of hook.example in one file, valid for two days."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hook.example")])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + expires_in - datetime.timedelta(days=2))
        .not_valid_after(now + expires_in)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("hook.example")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "hook.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return path


async def _loopback(_: str) -> Sequence[str]:
    return ["127.0.0.1"]


def _post(certificate: Path, *, host: str, trusted: bool) -> tuple[Answer | Unreachable, Receiver]:
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(certificate)
    trust = ssl.create_default_context(cafile=certificate) if trusted else None

    async def scenario() -> tuple[Answer | Unreachable, Receiver]:
        async with (
            receiving(always(OK), tls=server) as receiver,
            Door(LOOPBACK, resolve=_loopback, tls=trust) as door,
        ):
            url = receiver.url(scheme="https", host=host)
            try:
                return await door.post(url, body=b"", headers={}, timeout=20), receiver
            except Unreachable as error:
                return error, receiver

    return asyncio.run(scenario())


def test_a_trusted_certificate_is_taken(certificate: Path) -> None:
    outcome, receiver = _post(certificate, host="hook.example", trusted=True)
    assert isinstance(outcome, Answer)
    assert (outcome.status, outcome.address) == (200, "127.0.0.1")
    assert len(receiver.requests) == 1


@pytest.mark.parametrize(
    ("host", "trusted", "reason"),
    [
        ("hook.example", False, "self-signed certificate"),
        ("other.example", True, "Hostname mismatch"),
        ("127.0.0.1", True, "IP address mismatch"),
    ],
)
def test_a_certificate_that_proves_nothing_is_refused(
    certificate: Path, host: str, trusted: bool, reason: str
) -> None:
    outcome, receiver = _post(certificate, host=host, trusted=trusted)
    assert isinstance(outcome, Unreachable)
    assert outcome.kind == "tls"
    assert f"TLS with {host} failed: {reason}" in outcome.reason
    assert receiver.requests == []


def test_an_expired_certificate_is_refused(tmp_path: Path) -> None:
    expired = _make_certificate(tmp_path, expires_in=datetime.timedelta(days=-1))
    outcome, receiver = _post(expired, host="hook.example", trusted=True)
    assert isinstance(outcome, Unreachable)
    assert outcome.reason == "TLS with hook.example failed: certificate has expired"
    assert receiver.requests == []


def test_a_receiver_without_tls_is_a_tls_failure() -> None:
    async def scenario() -> None:
        # It answers in plain text to whatever comes.
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            writer.close()

        async with (
            await asyncio.start_server(answer, "127.0.0.1", 0) as server,
            Door(LOOPBACK) as door,
        ):
            port = server.sockets[0].getsockname()[1]
            await door.post(f"https://127.0.0.1:{port}/", body=b"", headers={}, timeout=20)

    with pytest.raises(Unreachable) as caught:
        asyncio.run(scenario())
    assert caught.value.kind == "tls"
