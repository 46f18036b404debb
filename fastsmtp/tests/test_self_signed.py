"""`init --self-signed`: TLS to try out, with a certificate of our own making."""

import smtplib
import ssl
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from dotenv import dotenv_values

from fastsmtp.self_signed import VALIDITY, KeyPair, create
from harness.environment import bare_environment
from harness.processes import Process, free_port, is_listening

pytestmark = pytest.mark.embedded

COMMAND = [sys.executable, "-m", "fastsmtp"]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data folder"


@pytest.fixture
def environment(data: Path) -> dict[str, str]:
    return {
        **bare_environment(),
        "FASTSMTP_DATA_DIR": str(data),
        "FASTSMTP_SMTP_HOST": "127.0.0.1",
        "FASTSMTP_SMTP_HOSTNAME": "mx.example.com",
        "FASTSMTP_SMTP_PORT": str(free_port()),
        "FASTSMTP_SMTP_TLS_PORT": str(free_port()),
    }


@pytest.fixture
def server_environment(tmp_path: Path, environment: dict[str, str]) -> dict[str, str]:
    """With servers of its own, so nothing is written that configures it."""
    return {
        **environment,
        "FASTSMTP_DATABASE_URL": f"sqlite:///{tmp_path}/mail.sqlite3",
        "FASTSMTP_REDIS_URL": "redis://127.0.0.1:1/0",
        "FASTSMTP_SECRET_KEY": "s" * 40,
        "FASTSMTP_ROOT_API_KEY": "r" * 40,
        "FASTSMTP_ENCRYPTION_KEY": "dGVzdHMgdGVzdHMgdGVzdHMgdGVzdHMgdGVzdHMgISE=",
    }


def init(environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, "init", "--no-input", "--self-signed"],
        env=environment,
        cwd=Path(environment["FASTSMTP_DATA_DIR"]).parent,
        capture_output=True,
        text=True,
        timeout=60,
    )


@contextmanager
def smtpd(environment: Mapping[str, str], folder: Path) -> Iterator[None]:
    server = Process(
        [*COMMAND, "smtpd"], log=folder / "log", environment=environment, folder=folder
    )
    try:
        server.wait_until(lambda: is_listening(int(environment["FASTSMTP_SMTP_TLS_PORT"])))
        yield
    finally:
        server.kill()


def test_both_ports_speak_tls_afterwards(
    environment: dict[str, str], data: Path, tmp_path: Path
) -> None:
    done = init(environment)
    assert done.returncode == 0, done.stderr
    trust = ssl.create_default_context(cafile=KeyPair.of(data / "tls").certificate)
    with smtpd(environment, tmp_path):
        port, tls_port = (environment[f"FASTSMTP_SMTP_{name}"] for name in ("PORT", "TLS_PORT"))
        for host in ("127.0.0.1", "localhost"):
            with smtplib.SMTP(host, int(port), timeout=30) as client:
                assert client.starttls(context=trust)[0] == 220
                assert client.noop()[0] == 250
            with smtplib.SMTP_SSL(host, int(tls_port), timeout=30, context=trust) as client:
                assert client.noop()[0] == 250


def test_the_files_are_for_our_eyes_only(environment: dict[str, str], data: Path) -> None:
    init(environment)
    files = [data / "fastsmtp.env", *KeyPair.of(data / "tls")]
    assert [stat.S_IMODE(path.stat().st_mode) for path in files] == [0o600] * 3
    assert stat.S_IMODE((data / "tls").stat().st_mode) == 0o700
    assert sorted(data.iterdir()) == [
        data / "fastsmtp.env",
        data / "fastsmtp.sqlite3",
        data / "tls",
    ]


def test_a_second_run_leaves_what_is_there(environment: dict[str, str], data: Path) -> None:
    init(environment)
    before = [path.read_text() for path in (data / "fastsmtp.env", *KeyPair.of(data / "tls"))]
    again = init(environment)
    assert again.returncode == 0
    assert f"The certificate {data}/tls/certificate.pem is set already and stays." in again.stdout
    after = [path.read_text() for path in (data / "fastsmtp.env", *KeyPair.of(data / "tls"))]
    assert after == before


def test_a_server_installation_is_told_what_to_set(
    server_environment: dict[str, str], data: Path, tmp_path: Path
) -> None:
    done = init(server_environment)
    assert done.returncode == 0, done.stderr
    assert not (data / "fastsmtp.env").exists()
    told = tmp_path / "told.env"
    told.write_text("\n".join(line for line in done.stdout.splitlines() if "=" in line))
    pair = KeyPair.of(data / "tls")
    assert dotenv_values(told) == {
        "FASTSMTP_SMTP_TLS_CERT": str(pair.certificate),
        "FASTSMTP_SMTP_TLS_KEY": str(pair.key),
    }


def test_a_pair_that_is_not_in_use_is_not_overwritten(
    server_environment: dict[str, str], data: Path
) -> None:
    init(server_environment)
    before = [path.read_bytes() for path in KeyPair.of(data / "tls")]
    again = init(server_environment)
    assert again.returncode == 1
    assert again.stderr == (
        f"CommandError: There is something in {data}/tls, and it stays. Remove it for a new "
        "certificate, or set FASTSMTP_SMTP_TLS_CERT and FASTSMTP_SMTP_TLS_KEY to what is there.\n"
    )
    assert [path.read_bytes() for path in KeyPair.of(data / "tls")] == before


def test_a_folder_that_cannot_be_written(
    server_environment: dict[str, str], data: Path, tmp_path: Path
) -> None:
    data.write_text("a file")
    done = init(server_environment)
    assert done.returncode == 1
    assert done.stderr == f"FASTSMTP_DATA_DIR: {data} cannot be used (File exists).\n"
    assert not (tmp_path / "mail.sqlite3").exists()


def test_a_name_that_no_certificate_can_hold(environment: dict[str, str], data: Path) -> None:
    done = init({**environment, "FASTSMTP_SMTP_HOSTNAME": "no_name"})
    assert done.returncode == 1
    assert done.stderr.startswith("FASTSMTP_SMTP_HOSTNAME: no_name: A domain name is made of")
    assert not (data / "tls").exists()


@pytest.mark.parametrize(
    ("hostname", "names"),
    [
        ("mx.example.com", ["mx.example.com", "localhost"]),
        ("bücher.example", ["xn--bcher-kva.example", "localhost"]),
        ("localhost", ["localhost"]),
        ("192.0.2.1", ["localhost"]),
        (f"{'a' * 60}.{'b' * 60}.example", [f"{'a' * 60}.{'b' * 60}.example", "localhost"]),
    ],
)
def test_the_names_in_it(tmp_path: Path, hostname: str, names: list[str]) -> None:
    pair = create(tmp_path / "tls", hostname)
    certificate = x509.load_pem_x509_certificate(pair.certificate.read_bytes())
    held = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert held.get_values_for_type(x509.DNSName) == names
    addresses = ["127.0.0.1"] if hostname != "192.0.2.1" else ["192.0.2.1", "127.0.0.1"]
    assert [str(address) for address in held.get_values_for_type(x509.IPAddress)] == addresses
    assert certificate.not_valid_after_utc <= datetime.now(UTC) + VALIDITY
