"""What keeps the server from starting is told in one sentence, with exit status 1."""

import os
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from harness.processes import free_port
from ingest.tests.certificates import KeyPair
from ingest.tests.running import MANAGE
from ingest.tls import Certificate


def start(folder: Path, **settings: object) -> str:
    """What the server says before it ends with status 1."""
    changed = {f"FASTSMTP_{name.upper()}": str(value) for name, value in settings.items()}
    run = subprocess.run(
        [sys.executable, MANAGE, "smtpd"],
        env={**os.environ, "FASTSMTP_DATA_DIR": str(folder), **changed},
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 1
    assert run.stdout == ""
    return run.stderr


def test_a_port_in_use(tmp_path: Path, busy_port: int) -> None:
    assert start(tmp_path, smtp_port=busy_port) == (
        f"FASTSMTP_SMTP_PORT: port {busy_port} on 127.0.0.1 is already in use.\n"
    )


def test_a_port_that_another_one_would_share(tmp_path: Path) -> None:
    """The kernel would give each of the two a part of the connections."""
    with socket.socket() as foreign:
        foreign.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        foreign.bind(("127.0.0.1", 0))
        foreign.listen()
        port = foreign.getsockname()[1]
        assert start(tmp_path, smtp_port=port, smtp_processes=2) == (
            f"FASTSMTP_SMTP_PORT: port {port} on 127.0.0.1 is already in use.\n"
        )


@pytest.mark.parametrize("processes", [1, 2])
def test_a_key_that_does_not_fit(tmp_path: Path, key_pair: KeyPair, processes: int) -> None:
    """An encrypted one, for instance: a server has nobody to ask for the pass phrase."""
    key = tmp_path / "encrypted.pem"
    key.write_bytes(_encrypt(key_pair.key.read_bytes()))
    said = start(
        tmp_path,
        smtp_port=free_port(),
        smtp_tls_port=free_port(),
        smtp_tls_cert=key_pair.certificate,
        smtp_tls_key=key,
        smtp_processes=processes,
    )
    assert said == (
        "FASTSMTP_SMTP_TLS_KEY: the key is encrypted, or is not that of FASTSMTP_SMTP_TLS_CERT,"
        " or one of the two files is not PEM.\n"
    )


def test_a_pair_of_files_that_is_none(tmp_path: Path, key_pair: KeyPair) -> None:
    foreign = KeyPair.generate(tmp_path)
    text = tmp_path / "text"
    text.write_text("no PEM")
    for certificate, key in [
        (key_pair.certificate, foreign.key),
        (key_pair.certificate, text),
        (text, key_pair.key),
    ]:
        with pytest.raises(ssl.SSLError):
            Certificate(certificate, key)


def _encrypt(key: bytes) -> bytes:
    return load_pem_private_key(key, None).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"pass phrase")
    )
