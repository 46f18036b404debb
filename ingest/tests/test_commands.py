"""What each command is answered. No reply tells anything of the inside."""

from collections.abc import Iterator

import pytest

from ingest.tests.dialogue import Talk


@pytest.fixture
def talk(port: int) -> Iterator[Talk]:
    with Talk(port) as talk:
        talk.expect("220 mx.example.com ESMTP FastSMTP")
        yield talk


def test_ehlo_lists_what_is_offered(talk: Talk) -> None:
    talk.send("EHLO client.example\r\n")
    assert talk.reply() == [
        "250-mx.example.com",
        "250-SIZE 10485760",
        "250-8BITMIME",
        "250-SMTPUTF8",
        "250-PIPELINING",
        "250-ENHANCEDSTATUSCODES",
        "250 HELP",
    ]


def test_helo_has_no_extensions(talk: Talk) -> None:
    talk.send("HELO client.example\r\n")
    assert talk.reply() == ["250 mx.example.com"]


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        ("NOOP", "250 2.0.0 Ok"),
        ("noop are you there?", "250 2.0.0 Ok"),
        ("RSET", "250 2.0.0 Ok"),
        ("RSET now", "501 5.5.4 This command takes no parameters"),
        ("HELP", "214 2.0.0 See RFC 5321"),
        ("HELP MAIL", "214 2.0.0 See RFC 5321"),
        ("VRFY info@example.com", "252 2.0.0 Cannot verify, send the mail and see"),
        ("VRFY nobody@example.com", "252 2.0.0 Cannot verify, send the mail and see"),
        ("EXPN staff", "500 5.5.1 Command not recognized"),
        ("AUTH PLAIN AGEAYg==", "500 5.5.1 Command not recognized"),
        ("STARTTLS", "503 5.5.1 STARTTLS is not offered here"),
        ("EHLO", "501 5.5.4 Syntax: EHLO hostname"),
        ("HELO", "501 5.5.4 Syntax: EHLO hostname"),
        ("QUIT please", "501 5.5.4 This command takes no parameters"),
        ("MAIL FROM:<ada@sender.example>", "503 5.5.1 Send HELO or EHLO first"),
        ("RCPT TO:<info@example.com>", "503 5.5.1 Send HELO or EHLO first"),
        ("DATA", "503 5.5.1 Send HELO or EHLO first"),
        ("XCLIENT ADDR=192.0.2.1", "500 5.5.1 Command not recognized"),
        ("", "500 5.5.1 Command not recognized"),
        ("\x00", "500 5.5.1 Command not recognized"),
        ("ΜAIL FROM:<ada@sender.example>", "500 5.5.1 Command not recognized"),
        ("M" * 3000, "500 5.5.2 Line too long"),
        ("M" * 300_000, "500 5.5.2 Line too long"),
    ],
)
def test_a_command_before_the_greeting(talk: Talk, command: str, reply: str) -> None:
    assert talk.ask(command) == reply
    assert talk.ask("NOOP") == "250 2.0.0 Ok"


def test_bytes_that_are_no_text_are_an_unknown_command(talk: Talk) -> None:
    talk.send(b"\xff\xfe\r\n")
    talk.expect("500 5.5.1 *")


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        ("MAIL FROM:<ada@sender.example> SIZE=1000 BODY=8BITMIME", "250 2.1.0 Ok"),
        ("MAIL FROM:<ada@sender.example> SMTPUTF8", "250 2.1.0 Ok"),
        ("mail from: <ada@sender.example>", "250 2.1.0 Ok"),
        ("MAIL FROM:<ada@sender.example> AUTH=<> RET=HDRS ENVID=QQ314159", "250 2.1.0 Ok"),
        ("MAIL FROM:<ada@sender.example> SIZE=", "501 5.5.4 Parameter with a wrong value"),
        ("MAIL FROM:<ada@sender.example> SIZE=-1", "501 5.5.4 Parameter with a wrong value"),
        ("MAIL FROM:<ada@sender.example> BODY=BINARYMIME", "501 5.5.4 Parameter with a *"),
        ("MAIL FROM:<ada@sender.example> SMTPUTF8=yes", "501 5.5.4 Parameter with a wrong value"),
        ("MAIL FROM:<ada@sender.example> HOLDFOR=5", "555 5.5.4 Parameter not recognized"),
        ("MAIL FROM:<ada@sender.example>SIZE=1", "501 5.5.4 Syntax: MAIL FROM:*"),
        ("MAIL FROM:", "501 5.5.4 Syntax: MAIL FROM:*"),
        ("MAIL FROM:<", "501 5.5.4 Syntax: MAIL FROM:*"),
        ("MAIL TO:<info@example.com>", "501 5.5.4 Syntax: MAIL FROM:*"),
        ("MAIL", "501 5.5.4 Syntax: MAIL FROM:*"),
        ("RCPT TO:<info@example.com>", "503 5.5.1 Need MAIL command"),
        ("DATA", "503 5.5.1 Need RCPT command"),
    ],
)
def test_a_command_after_the_greeting(talk: Talk, command: str, reply: str) -> None:
    talk.ask("EHLO client.example")
    talk.send(f"{command}\r\n")
    talk.expect(reply)


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        ("MAIL FROM:<ada@sender.example>", "503 5.5.1 Nested MAIL command"),
        ("RCPT TO:<info@example.com> NOTIFY=NEVER ORCPT=rfc822;a+3Eb", "250 2.1.5 Ok"),
        ("RCPT TO:<@relay.example:info@example.com>", "250 2.1.5 Ok"),
        ("RCPT TO:info@example.com", "250 2.1.5 Ok"),
        ("RCPT TO:<info@example.com> X=1", "555 5.5.4 Parameter not recognized"),
        ("RCPT TO:<>", "553 5.1.3 Malformed recipient address"),
        ("RCPT TO:<@>", "553 5.1.3 Malformed recipient address"),
        ("RCPT TO:<info>", "553 5.1.3 Malformed recipient address"),
        ("RCPT TO:<in\x00fo@example.com>", "553 5.1.3 Malformed recipient address"),
        ("RCPT TO:<in\rfo@example.com>", "553 5.1.3 Malformed recipient address"),
        ("RCPT TO:<info@exa_mple.com>", "553 5.1.3 Malformed recipient address"),
        ("RCPT TO:<info@xn--a.example>", "553 5.1.3 Malformed recipient address"),
        ("RCPT", "501 5.5.4 Syntax: RCPT TO:*"),
        ("DATA", "503 5.5.1 Need RCPT command"),
        ("EHLO again", "250 HELP"),
    ],
)
def test_a_command_after_the_sender(talk: Talk, command: str, reply: str) -> None:
    talk.ask("EHLO client.example")
    talk.ask("MAIL FROM:<ada@sender.example>")
    talk.send(f"{command}\r\n")
    talk.expect(reply)


@pytest.mark.parametrize("command", ["RSET", "EHLO client.example", "HELO client.example"])
def test_a_transaction_is_forgotten(talk: Talk, command: str) -> None:
    talk.play(f"""
        C: EHLO client.example
        S: 250 HELP
        C: MAIL FROM:<ada@sender.example>
        S: 250 2.1.0 *
        C: RCPT TO:<info@example.com>
        S: 250 2.1.5 *
        C: {command}
        S: 250 *
        C: DATA
        S: 503 5.5.1 Need RCPT command
        C: RCPT TO:<info@example.com>
        S: 503 5.5.1 Need MAIL command
    """)


def test_data_takes_no_parameters(talk: Talk) -> None:
    talk.play("""
        C: EHLO client.example
        S: 250 HELP
        C: MAIL FROM:<ada@sender.example>
        S: 250 2.1.0 *
        C: RCPT TO:<info@example.com>
        S: 250 2.1.5 *
        C: DATA now
        S: 501 5.5.4 *
    """)


def test_quit_closes(talk: Talk) -> None:
    assert talk.ask("QUIT") == "221 2.0.0 Bye"
    assert talk.is_closed


def test_a_line_without_an_end_is_cut_off(talk: Talk) -> None:
    mebibyte = 1024 * 1024
    assert talk.ask("M" * (mebibyte - 2)) == "500 5.5.2 Line too long"
    talk.send("M" * mebibyte)
    talk.expect("421 4.7.0 A line without an end")
    assert talk.is_closed


@pytest.mark.parametrize("verb", ["GET / HTTP/1.1", "POST /hook HTTP/1.1", "BDAT 5 LAST"])
def test_what_follows_is_never_taken_for_commands(talk: Talk, verb: str) -> None:
    """Browsers can be made to send a form with SMTP inside; BDAT is followed by content."""
    talk.send(f"{verb}\r\nEHLO browser\r\n")
    talk.expect("421 4.7.0 This is an SMTP server")
    assert talk.is_closed


def test_too_many_errors_end_the_session(talk: Talk) -> None:
    for _ in range(20):
        assert talk.ask("EHLO") == "501 5.5.4 Syntax: EHLO hostname"
    assert talk.ask("EHLO") == "421 4.7.0 Too many errors"
    assert talk.is_closed
