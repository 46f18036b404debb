"""STARTTLS (RFC 3207) and the port that speaks TLS from the first byte (RFC 8314)."""

import asyncio
import socket
import ssl
from collections.abc import Iterator
from email.message import EmailMessage

import aiosmtplib
import pytest

from accounts.models import Domain
from ingest.tests.certificates import KeyPair
from ingest.tests.dialogue import Talk
from ingest.tests.running import ServerInThread
from ingest.tests.stored import contents, only_message


@pytest.fixture
def server(domain: Domain, key_pair: KeyPair) -> Iterator[ServerInThread]:
    with ServerInThread(smtp_tls_cert=key_pair.certificate, smtp_tls_key=key_pair.key) as server:
        yield server


@pytest.fixture
def trust(key_pair: KeyPair) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=key_pair.certificate)


@pytest.fixture
def plain(server: ServerInThread) -> Iterator[Talk]:
    with Talk(server.port) as talk:
        talk.expect("220 *")
        yield talk


def encrypt(talk: Talk, trust: ssl.SSLContext) -> None:
    talk.play("""
        C: STARTTLS
        S: 220 2.0.0 Ready to start TLS
    """)
    talk.start_tls(trust)


def extensions(talk: Talk) -> list[str]:
    talk.send("EHLO client.example\r\n")
    return [line[4:].split()[0] for line in talk.reply()[1:]]


def test_it_is_offered_until_it_is_used(plain: Talk, trust: ssl.SSLContext) -> None:
    basic = ["SIZE", "8BITMIME", "SMTPUTF8", "PIPELINING", "ENHANCEDSTATUSCODES"]
    assert extensions(plain) == [*basic, "STARTTLS", "HELP"]
    encrypt(plain, trust)
    assert extensions(plain) == [*basic, "HELP"]
    assert plain.ask("STARTTLS") == "503 5.5.1 STARTTLS is not offered here"
    assert plain.ask("NOOP") == "250 2.0.0 Ok"


def test_the_tls_port_does_not_offer_it(server: ServerInThread, trust: ssl.SSLContext) -> None:
    with Talk(server.tls_port, tls=trust) as talk:
        talk.expect("220 *")
        assert "STARTTLS" not in extensions(talk)
        assert talk.ask("STARTTLS") == "503 5.5.1 STARTTLS is not offered here"


def test_it_takes_no_parameters(plain: Talk) -> None:
    assert plain.ask("STARTTLS now") == "501 5.5.4 This command takes no parameters"


def test_nothing_is_known_from_before(plain: Talk, trust: ssl.SSLContext) -> None:
    """RFC 3207 §4.2."""
    plain.play("""
        C: EHLO client.example
        S: 250 HELP
        C: MAIL FROM:<ada@sender.example>
        S: 250 2.1.0 Ok
        C: RCPT TO:<info@example.com>
        S: 250 2.1.5 Ok
    """)
    encrypt(plain, trust)
    plain.play("""
        C: DATA
        S: 503 5.5.1 Send HELO or EHLO first
        C: RCPT TO:<info@example.com>
        S: 503 5.5.1 Send HELO or EHLO first
        C: EHLO client.example
        S: 250 HELP
        C: RCPT TO:<info@example.com>
        S: 503 5.5.1 Need MAIL command
    """)


def test_what_was_put_behind_it_in_clear_is_not_heard(plain: Talk, trust: ssl.SSLContext) -> None:
    """Somebody in the middle adds commands to the packet (CVE-2011-0411)."""
    plain.send("STARTTLS\r\nEHLO evil.example\r\nMAIL FROM:<evil@sender.example>\r\n")
    plain.expect("220 2.0.0 Ready to start TLS")
    plain.start_tls(trust)
    assert plain.ask("NOOP") == "250 2.0.0 Ok"
    assert plain.ask("RCPT TO:<info@example.com>") == "503 5.5.1 Send HELO or EHLO first"


@pytest.mark.parametrize("is_implicit", [False, True], ids=["STARTTLS", "TLS port"])
def test_a_large_mail_arrives(
    server: ServerInThread, trust: ssl.SSLContext, is_implicit: bool
) -> None:
    content = b"Subject: Hello\r\n\r\n" + b"x" * 5_000_000 + b"\r\n"
    with Talk(server.tls_port if is_implicit else server.port) as talk:
        if is_implicit:
            talk.start_tls(trust)
            talk.expect("220 *")
        else:
            talk.expect("220 *")
            encrypt(talk, trust)
        talk.play("""
            C: EHLO client.example
            S: 250 HELP
            C: MAIL FROM:<ada@sender.example>
            S: 250 2.1.0 Ok
            C: RCPT TO:<info@example.com>
            S: 250 2.1.5 Ok
            C: DATA
            S: 354 *
        """)
        talk.send(content + b".\r\n")
        talk.expect("250 2.0.0 Ok: queued as *")
        cipher = talk.cipher
    message = only_message()
    assert contents() == [content]
    assert (message.tls_version, message.tls_cipher) == ("TLSv1.3", cipher)
    assert message.protocol == "ESMTPS"
    assert message.client_ip == "127.0.0.1"


def test_tls_at_once_is_cut_off_where_it_must_not_begin_yet(
    plain: Talk, trust: ssl.SSLContext
) -> None:
    """Both would wait for each other: a ClientHello need not hold a line feed."""
    with pytest.raises(ssl.SSLError):
        plain.start_tls(trust)


def test_two_bytes_are_enough_to_know_tls(plain: Talk) -> None:
    plain.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    plain.send(b"\x16")
    plain.send(b"\x03")
    plain.expect("421 4.7.0 This is an SMTP server")
    assert plain.is_closed


def test_half_of_them_is_the_beginning_of_a_line(plain: Talk) -> None:
    plain.send(b"\x16")
    plain.send(b"EHLO client.example\r\n")
    plain.expect("500 5.5.1 Command not recognized")
    assert plain.ask("NOOP") == "250 2.0.0 Ok"


def test_mail_in_clear_has_no_cipher(server: ServerInThread) -> None:
    with Talk(server.port) as talk:
        talk.play("""
            S: 220 *
            C: EHLO client.example
            S: 250 HELP
            C: MAIL FROM:<ada@sender.example>
            S: 250 2.1.0 Ok
            C: RCPT TO:<info@example.com>
            S: 250 2.1.5 Ok
            C: DATA
            S: 354 *
            C: .
            S: 250 2.0.0 Ok: queued as *
        """)
    message = only_message()
    assert (message.tls_version, message.tls_cipher) == ("", "")


@pytest.mark.parametrize("is_implicit", [False, True], ids=["STARTTLS", "TLS port"])
def test_an_ordinary_client_finds_its_way(
    server: ServerInThread, trust: ssl.SSLContext, is_implicit: bool
) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "jörg@bücher.example", "info@example.com", "Grüße"
    mail.set_content("Schöne Grüße\n")
    asyncio.run(
        aiosmtplib.send(
            mail,
            hostname="localhost",
            port=server.tls_port if is_implicit else server.port,
            tls_context=trust,
            use_tls=is_implicit,
            start_tls=not is_implicit,
        )
    )
    message = only_message()
    assert message.subject == "Grüße"
    assert message.mail_from == "jörg@xn--bcher-kva.example"
    assert message.smtputf8


def test_tls_1_1_is_refused(plain: Talk, trust: ssl.SSLContext) -> None:
    """RFC 8996."""
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        trust.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        encrypt(plain, trust)


@pytest.mark.parametrize("ciphers", ["aNULL", "eNULL", "ECDHE+SHA1"])
def test_weak_ciphers_are_refused(plain: Talk, trust: ssl.SSLContext, ciphers: str) -> None:
    """Without authentication or encryption, or with SHA-1 (RFC 9325 §4.1)."""
    trust.maximum_version = ssl.TLSVersion.TLSv1_2
    trust.set_ciphers(f"{ciphers}:@SECLEVEL=0")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        encrypt(plain, trust)


def test_tls_1_2_has_forward_secrecy(plain: Talk, trust: ssl.SSLContext) -> None:
    trust.maximum_version = ssl.TLSVersion.TLSv1_2
    encrypt(plain, trust)
    assert plain.cipher.startswith("ECDHE-")


@pytest.mark.parametrize("is_implicit", [False, True], ids=["STARTTLS", "TLS port"])
def test_a_failed_handshake_harms_nobody_else(server: ServerInThread, is_implicit: bool) -> None:
    with Talk(server.tls_port if is_implicit else server.port) as talk:
        if not is_implicit:
            talk.expect("220 *")
            talk.ask("STARTTLS")
        talk.send("EHLO not.a.client.hello\r\n" * 10)
        talk.wait_for_end()
    with Talk(server.port) as talk:
        talk.expect("220 *")


class TestRequired:
    """`FASTSMTP_SMTP_REQUIRE_STARTTLS`."""

    @pytest.fixture
    def server(self, domain: Domain, key_pair: KeyPair) -> Iterator[ServerInThread]:
        with ServerInThread(
            smtp_tls_cert=key_pair.certificate,
            smtp_tls_key=key_pair.key,
            smtp_require_starttls=True,
        ) as server:
            yield server

    def test_nothing_goes_without_it(self, plain: Talk, trust: ssl.SSLContext) -> None:
        plain.play("""
            C: EHLO client.example
            S: 250 HELP
            C: NOOP
            S: 250 2.0.0 Ok
            C: MAIL FROM:<ada@sender.example>
            S: 530 5.7.0 Must issue a STARTTLS command first
            C: VRFY info@example.com
            S: 530 5.7.0 Must issue a STARTTLS command first
            C: DATA
            S: 530 5.7.0 Must issue a STARTTLS command first
        """)
        encrypt(plain, trust)
        plain.play("""
            C: EHLO client.example
            S: 250 HELP
            C: MAIL FROM:<ada@sender.example>
            S: 250 2.1.0 Ok
        """)

    def test_the_tls_port_needs_no_more(
        self, server: ServerInThread, trust: ssl.SSLContext
    ) -> None:
        with Talk(server.tls_port, tls=trust) as talk:
            talk.play("""
                S: 220 *
                C: EHLO client.example
                S: 250 HELP
                C: MAIL FROM:<ada@sender.example>
                S: 250 2.1.0 Ok
            """)
