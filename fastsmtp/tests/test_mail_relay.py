"""The relay for mail of our own: a password goes over TLS that is trusted, or not at all."""

import ssl
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult, LoginPassword

from fastsmtp import mail_relay, self_signed
from fastsmtp.mail_relay import MailRelay, NotTaken
from fastsmtp.self_signed import KeyPair
from fastsmtp.tests.smtp_server import SMTPServer

TO = "ada@owner.example"
PASSWORD = "p@ss/word"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> KeyPair:
    return self_signed.create(tmp_path_factory.mktemp("relay") / "tls", "localhost")


@pytest.fixture
def trusted(pair: KeyPair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(pair.certificate))


def _message() -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "events@gateway.example", TO, "Hello"
    message.set_content("It works.")
    return message


def _send(url: str) -> None:
    MailRelay.parse(url).send(_message(), to=TO)


def _relay(pair: KeyPair | None = None) -> SMTPServer:
    """With STARTTLS if it has a certificate."""
    context = None
    if pair is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(pair.certificate, pair.key)
    return SMTPServer(tls_context=context, authenticator=_authenticate, auth_require_tls=False)


def _authenticate(*arguments: Any) -> AuthResult:
    given = arguments[-1]
    is_right = given == LoginPassword(b"user", PASSWORD.encode())
    return AuthResult(success=is_right, handled=False, auth_data=given.login)


def _mails(relay: SMTPServer) -> list[tuple[bool, bytes | None]]:
    """Whether each came over TLS, and from whom."""
    return [(session.ssl is not None, session.auth_data) for session in relay.sessions]


def test_in_clear_without_a_password() -> None:
    with _relay() as relay:
        _send(f"smtp://127.0.0.1:{relay.port}")
        assert _mails(relay) == [(False, None)]


def test_over_any_tls_without_a_password(pair: KeyPair) -> None:
    with _relay(pair) as relay:
        _send(f"smtp://127.0.0.1:{relay.port}")
        assert _mails(relay) == [(True, None)]


@pytest.mark.usefixtures("trusted")
def test_a_password_over_trusted_tls(pair: KeyPair) -> None:
    with _relay(pair) as relay:
        _send(f"smtp://user:p%40ss%2Fword@127.0.0.1:{relay.port}")
        assert _mails(relay) == [(True, b"user")]


def test_no_password_over_tls_that_is_not_trusted(pair: KeyPair) -> None:
    with _relay(pair) as relay:
        with pytest.raises(NotTaken, match="self-signed certificate"):
            _send(f"smtp://user:p%40ss%2Fword@127.0.0.1:{relay.port}")
        assert _mails(relay) == []


def test_no_password_in_clear() -> None:
    with _relay() as relay:
        with pytest.raises(NotTaken, match="no STARTTLS is offered"):
            _send(f"smtp://user:p%40ss%2Fword@127.0.0.1:{relay.port}")
        assert _mails(relay) == []


@pytest.mark.usefixtures("trusted")
def test_a_wrong_password(pair: KeyPair) -> None:
    with _relay(pair) as relay, pytest.raises(NotTaken, match="535") as error:
        _send(f"smtp://user:canary@127.0.0.1:{relay.port}")
    assert "canary" not in str(error.value)


def test_a_server_that_is_none_of_smtp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail_relay, "TIMEOUT", 0.2)
    with SMTPServer(data_reply="451 4.3.0 Later") as server:
        with pytest.raises(NotTaken, match="451"):
            _send(f"smtp://127.0.0.1:{server.port}")
        with pytest.raises(NotTaken, match="127.0.0.1"):
            _send(f"smtps://127.0.0.1:{server.port}")


def test_names_and_ports() -> None:
    relay = MailRelay.parse("smtp://mail.example")
    assert (relay.host, relay.port, relay.is_tls) == ("mail.example", 587, False)
    relay = MailRelay.parse("smtps://user:p%40ss@mail.example")
    assert (relay.port, relay.is_tls, relay.user, relay.password) == (465, True, "user", "p@ss")
    assert "p@ss" not in repr(relay)
