"""A certificate that is renewed on disk is used from the next handshake on, on both ports."""

import shutil
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from accounts.models import Domain
from harness.waiting import wait_until
from ingest.tests.certificates import KeyPair
from ingest.tests.dialogue import Talk
from ingest.tests.running import ServerInThread
from ingest.tls import Certificate


@pytest.fixture
def pair(tmp_path: Path) -> KeyPair:
    return KeyPair.generate(tmp_path, is_rsa=True)


@pytest.fixture
def server(domain: Domain, pair: KeyPair) -> Iterator[ServerInThread]:
    with ServerInThread(smtp_tls_cert=pair.certificate, smtp_tls_key=pair.key) as server:
        yield server


def handshake(server: ServerInThread, *, is_implicit: bool) -> Talk:
    """Trusts nobody in particular, to see who answers."""
    anybody = ssl.create_default_context()
    anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
    talk = Talk(server.tls_port if is_implicit else server.port)
    if not is_implicit:
        talk.play("""
            S: 220 *
            C: STARTTLS
            S: 220 2.0.0 Ready to start TLS
        """)
    talk.start_tls(anybody)
    if is_implicit:
        talk.expect("220 *")
    return talk


def shown(talk: Talk) -> str:
    """The certificate of the other side."""
    assert isinstance(talk.socket, ssl.SSLSocket)
    return ssl.DER_cert_to_PEM_cert(talk.socket.getpeercert(binary_form=True) or b"")


@pytest.mark.parametrize("is_implicit", [False, True], ids=["STARTTLS", "TLS port"])
def test_the_next_handshake_shows_it(
    server: ServerInThread, pair: KeyPair, tmp_path: Path, is_implicit: bool
) -> None:
    def current() -> str:
        with handshake(server, is_implicit=is_implicit) as talk:
            return shown(talk)

    old = pair.certificate.read_text()
    assert current() == old
    with handshake(server, is_implicit=is_implicit) as session:
        KeyPair.generate(tmp_path)  # another kind of key: nothing of the old pair may be left
        new = pair.certificate.read_text()
        wait_until(lambda: current() != old)
        assert current() == new
        assert session.ask("NOOP") == "250 2.0.0 Ok"
        assert shown(session) == old


@pytest.fixture
def certificate(pair: KeyPair) -> Certificate:
    return Certificate(pair.certificate, pair.key)


def test_half_a_pair_leaves_the_old_one(
    certificate: Certificate, pair: KeyPair, tmp_path: Path
) -> None:
    first = certificate._current
    other = KeyPair.generate(_subfolder(tmp_path))
    shutil.copy(other.certificate, pair.certificate)
    certificate.refresh()
    assert certificate._current is first
    shutil.copy(other.key, pair.key)
    certificate.refresh()
    assert certificate._current is not first


def test_a_pair_that_is_taken_away_leaves_the_old_one(
    certificate: Certificate, pair: KeyPair
) -> None:
    first = certificate._current
    pair.key.unlink()
    certificate.refresh()
    assert certificate._current is first


def test_an_unchanged_pair_is_not_loaded_again(certificate: Certificate) -> None:
    first = certificate._current
    certificate.refresh()
    assert certificate._current is first


def _subfolder(folder: Path) -> Path:
    path = folder / "other"
    path.mkdir()
    return path
