"""A client that never saw its 250 sends the mail again: it gets one, and the mail is there once."""

from functools import partial
from uuid import UUID

import pytest

from delivery.models import Message
from harness.waiting import wait_until
from ingest.tests.database import writers_wait
from ingest.tests.dialogue import begin_data, send_mail
from ingest.tests.running import ServerInThread
from ingest.tests.stored import contents, only_message

MAIL = b"Message-ID: <1@sender.example>\r\nSubject: Hello\r\n\r\nIt works.\r\n"
LARGE = MAIL + b"x" * 1022 + b"\r\n" + b"y" * 2_000_000 + b"\r\n"


@pytest.mark.parametrize("mail", [MAIL, LARGE], ids=["small", "large"])
def test_the_same_mail_again_is_the_same_message(port: int, mail: bytes) -> None:
    first = send_mail(port, mail)
    assert first.startswith("250 2.0.0 Ok: queued as ")
    assert send_mail(port, mail) == first
    assert only_message().id == UUID(first.rpartition(" ")[2])
    assert contents() == [mail]


def test_a_client_that_hung_up_before_the_reply(server: ServerInThread) -> None:
    with begin_data(server.port) as talk:
        with writers_wait():
            talk.send(MAIL + b".\r\n")
            wait_until(lambda: server.is_committing)
            talk.reset()
        wait_until(Message.objects.exists)
    assert send_mail(server.port, MAIL).rpartition(" ")[2] == str(only_message().id)
    assert contents() == [MAIL]


def test_a_second_connection_while_the_first_still_waits(server: ServerInThread) -> None:
    first, second = begin_data(server.port), begin_data(server.port)
    with writers_wait():
        first.send(MAIL + b".\r\n")
        wait_until(lambda: server.is_committing)
        second.send(MAIL + b".\r\n")
        wait_until(lambda: server.waiting_mails == 1)
    told = [talk.reply()[-1] for talk in (first, second)]
    assert told[0] == told[1] == f"250 2.0.0 Ok: queued as {only_message().id}"
    first.hang_up()
    second.hang_up()


def test_it_is_logged_as_what_it_is(port: int, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        send_mail(port, MAIL)
    seen: list[str] = []

    def has_both() -> bool:
        seen.append(capsys.readouterr().out)
        return "repeated" in "".join(seen)

    wait_until(has_both)
    assert "".join(seen).count("accepted") == 1


def test_two_processes_that_take_it_at_the_same_time(server: ServerInThread) -> None:
    """Each has a writer of its own; the database decides which of them was first."""
    with ServerInThread() as other:
        talks = [(each, begin_data(each.port)) for each in (server, other)]
        with writers_wait():
            for each, talk in talks:
                talk.send(MAIL + b".\r\n")
                wait_until(partial(getattr, each, "is_committing"))
        replies = [talk.reply()[-1] for _, talk in talks]
        for _, talk in talks:
            talk.hang_up()
        # Who came second may be asked to try again.
        last = send_mail(other.port, MAIL)
    assert any(reply.startswith("250 ") for reply in replies)
    assert last == f"250 2.0.0 Ok: queued as {only_message().id}"
    assert {reply[:3] for reply in replies} <= {"250", "451"}
