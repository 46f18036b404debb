"""Commands sent in one go (RFC 2920): answered in order, and in one go where that is possible."""

from ingest.tests.dialogue import Talk, begin
from ingest.tests.running import ServerInThread
from ingest.tests.stored import contents


def test_a_group_is_answered_in_one_packet(port: int) -> None:
    with begin(port) as talk:
        talk.send(
            "RSET\r\nMAIL FROM:<ada@sender.example>\r\nRCPT TO:<info@example.com>\r\nDATA\r\n"
        )
        assert talk.socket.recv(4096).decode().splitlines() == [
            "250 2.0.0 Ok",
            "250 2.1.0 Ok",
            "250 2.1.5 Ok",
            "354 End data with <CR><LF>.<CR><LF>",
        ]


def test_the_start_of_another_command_does_not_hold_back_an_answer(port: int) -> None:
    with begin(port) as talk:
        talk.send("RSET\r\nNOOP\r\nMAIL FR")
        talk.expect("250 2.0.0 Ok")
        talk.expect("250 2.0.0 Ok")
        talk.send("OM:<ada@sender.example>\r\n")
        talk.expect("250 2.1.0 Ok")


def test_every_command_is_answered_in_its_turn(port: int) -> None:
    with begin(port) as talk:
        talk.send("NOOP\r\nVRFY x\r\n" * 400 + "QUIT\r\n")
        for _ in range(400):
            talk.expect("250 2.0.0 Ok")
            talk.expect("252 2.0.0 *")
        talk.expect("221 2.0.0 Bye")
        assert talk.is_closed


def test_refused_recipients_leave_no_message(port: int) -> None:
    """RFC 2920 §3.1: a client learns too late that nobody is there for its DATA."""
    with Talk(port) as talk:
        talk.expect("220 *")
        talk.play("""
            C: EHLO client.example
            C: MAIL FROM:<ada@sender.example>
            C: RCPT TO:<nobody@example.com>
            C: DATA
            C: RSET
            S: 250 HELP
            S: 250 2.1.0 Ok
            S: 550 5.1.1 *
            S: 503 5.5.1 Need RCPT command
            S: 250 2.0.0 Ok
        """)
    assert contents() == []


def test_one_client_does_not_hold_up_the_others(server: ServerInThread) -> None:
    """However many commands it sends: its turn ends after some, and when it reads no answers."""
    with begin(server.port) as eager, begin(server.port) as patient:
        eager.send_until_blocked(b"EHLO x\r\n" * 10_000)
        assert patient.ask("NOOP") == "250 2.0.0 Ok"
