"""Devices and lists have unusual names; refusing them would lose their mail."""

import pytest

from ingest.tests.dialogue import Talk
from ingest.tests.stored import only_message

VERP = "bounces+" + "a" * 80 + "=example.org@lists.example.com"


@pytest.mark.parametrize(
    ("path", "mail_from"),
    [
        ("<>", ""),
        ("<Ada@Sender.EXAMPLE>", "Ada@sender.example"),
        ("<root@192.168.1.5>", "root@192.168.1.5"),
        ("<ups@plant_7>", "ups@plant_7"),
        (f"<{VERP}>", VERP),
        ("ada@sender.example", "ada@sender.example"),
        ('<"ada> lovelace"@sender.example>', '"ada> lovelace"@sender.example'),
        ("<jörg@bücher.example>", "jörg@xn--bcher-kva.example"),
        ("<@relay.example:ada@sender.example>", "ada@sender.example"),
    ],
)
def test_a_sender_is_stored(port: int, path: str, mail_from: str) -> None:
    with Talk(port) as talk:
        talk.play(f"""
            S: 220 *
            C: EHLO client.example
            S: 250 HELP
            C: MAIL FROM:{path} SMTPUTF8
            S: 250 2.1.0 Ok
            C: RCPT TO:<info@example.com>
            S: 250 2.1.5 Ok
            C: DATA
            S: 354 *
            C: .
            S: 250 2.0.0 Ok: queued as *
        """)
    assert only_message().mail_from == mail_from


@pytest.mark.parametrize(
    "path",
    [
        b"<root>",
        b"<ada\0@sender.example>",
        b"<ada\x1b[31m@sender.example>",
        b"<ada@sender.example\r>",
        b"<ada lovelace@sender.example>",
        b"<j\xf6rg@sender.example>",
        b"<" + b"a" * 310 + b"@sender.example>",
    ],
)
def test_what_cannot_be_a_sender_is_refused(port: int, path: bytes) -> None:
    with Talk(port) as talk:
        talk.expect("220 *")
        talk.ask("EHLO client.example")
        talk.send(b"MAIL FROM:" + path + b"\r\n")
        talk.expect("553 5.1.7 Malformed sender address")
        assert talk.ask("RCPT TO:<info@example.com>") == "503 5.5.1 Need MAIL command"


def test_the_name_in_the_greeting_may_be_anything(port: int) -> None:
    with Talk(port) as talk:
        talk.expect("220 *")
        talk.send(b"EHLO my\0 \xff printer_" + b"x" * 400 + b"\r\n")
        talk.play("""
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
    assert only_message().helo == ("my? ? printer_" + "x" * 400)[:255]


@pytest.mark.parametrize(
    ("greeting", "parameter", "protocol"),
    [("HELO", "", "SMTP"), ("EHLO", "", "ESMTP"), ("EHLO", " SMTPUTF8", "UTF8SMTP")],
)
def test_the_protocol_is_kept_for_the_received_field(
    port: int, greeting: str, parameter: str, protocol: str
) -> None:
    """RFC 3848, RFC 6531 §3.7.3."""
    with Talk(port) as talk:
        talk.play(f"""
            S: 220 *
            C: {greeting} client.example
            S: 250 *
            C: MAIL FROM:<ada@sender.example>{parameter}
            S: 250 2.1.0 Ok
            C: RCPT TO:<info@example.com>
            S: 250 2.1.5 Ok
            C: DATA
            S: 354 *
            C: .
            S: 250 2.0.0 Ok: queued as *
        """)
    assert only_message().protocol == protocol


def test_a_refused_sender_leaves_nothing_behind(port: int) -> None:
    with Talk(port) as talk:
        talk.play("""
            S: 220 *
            C: EHLO client.example
            S: 250 HELP
            C: MAIL FROM:<ada@sender.example> SMTPUTF8 SIZE=big
            S: 501 5.5.4 Parameter with a wrong value
            C: MAIL FROM:<ada@sender.example>
            S: 250 2.1.0 Ok
            C: RCPT TO:<info@example.com>
            S: 250 2.1.5 Ok
            C: DATA
            S: 354 *
            C: .
            S: 250 2.0.0 Ok: queued as *
        """)
    assert not only_message().smtputf8
