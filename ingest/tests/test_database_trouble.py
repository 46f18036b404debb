"""Whatever the database does, the sender is told to try again, and nothing needs a restart."""

import pytest
from django.db import connection

from delivery.models import Message, RawMessage
from harness.waiting import wait_until
from ingest.tests.database import (
    cut_other_connections,
    poisonous_subject,
    table_away,
    writers_wait,
)
from ingest.tests.dialogue import Talk, begin, begin_data, send_mail
from ingest.tests.running import ServerInThread
from ingest.tests.stored import contents

LOCAL_ERROR = "451 4.3.0 Local error, try again later"
LARGE = b"x" * 3_000_000 + b"\r\n"


@pytest.mark.parametrize("content", [b"small\r\n", LARGE], ids=["small", "large"])
@pytest.mark.parametrize("table", ["raw_messages", "messages"])
def test_a_message_that_cannot_be_stored_is_deferred(port: int, table: str, content: bytes) -> None:
    with begin_data(port) as talk:
        with table_away(table):
            talk.send(content + b".\r\n")
            talk.expect(LOCAL_ERROR)
            assert talk.ask("DATA") == "503 5.5.1 Need RCPT command"
        assert contents() == []
        assert send_mail(port, content).startswith("250 ")
    assert contents() == [content]


@pytest.mark.parametrize("table", ["directory_version", "domains", "recipients"])
def test_a_recipient_that_cannot_be_looked_up_is_deferred(port: int, table: str) -> None:
    with Talk(port) as talk:
        talk.play("""
            S: 220 *
            C: EHLO client.example
            S: 250 HELP
            C: MAIL FROM:<ada@sender.example>
            S: 250 2.1.0 Ok
        """)
        with table_away(table):
            assert talk.ask("RCPT TO:<info@example.com>") == LOCAL_ERROR
            assert talk.ask("DATA") == "503 5.5.1 Need RCPT command"
        assert talk.ask("RCPT TO:<info@example.com>") == "250 2.1.5 Ok"


def test_one_bad_row_defers_only_itself(server: ServerInThread) -> None:
    """Also among the messages of one commit."""
    subjects = ["held", "first", "poison", "second"]
    held, *others = talks = [begin_data(server.port) for _ in subjects]
    with poisonous_subject():
        with writers_wait():
            held.send("Subject: held\r\n\r\n.\r\n")
            wait_until(lambda: server.is_committing)
            for talk, subject in zip(others, subjects[1:], strict=True):
                talk.send(f"Subject: {subject}\r\n\r\n.\r\n")
            wait_until(lambda: server.waiting_mails == 3)
        replies = [talk.reply()[-1][:9] for talk in talks]
    assert replies == ["250 2.0.0", "250 2.0.0", "451 4.3.0", "250 2.0.0"]
    assert set(Message.objects.values_list("subject", flat=True)) == {"held", "first", "second"}
    assert RawMessage.objects.count() == 3
    for talk in talks:
        talk.hang_up()


@pytest.mark.skipif(connection.vendor != "postgresql", reason="a file cannot be cut off")
def test_a_cut_connection_costs_one_deferral_at_most(port: int) -> None:
    assert send_mail(port).startswith("250 ")
    cut_other_connections()
    with begin(port) as talk:
        talk.ask("DATA")
        assert talk.ask(".")[:4] in ("250 ", "451 ")
    assert send_mail(port).startswith("250 ")


def test_an_unexpected_error_resets_the_transaction(server: ServerInThread) -> None:
    """The next mail of a pipelining client must not go to the recipients of this one."""
    with begin(server.port) as talk:
        server.break_lookups()
        talk.play("""
            C: RCPT TO:<other@example.com>
            C: DATA
            C: RCPT TO:<other@example.com>
            C: MAIL FROM:<bob@sender.example>
            C: DATA
            S: 451 4.3.0 Local error, try again later
            S: 503 5.5.1 Need RCPT command
            S: 503 5.5.1 Need MAIL command
            S: 250 2.1.0 Ok
            S: 503 5.5.1 Need RCPT command
        """)
