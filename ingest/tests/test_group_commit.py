"""Messages that wait for a commit share the next one; a message alone does not wait."""

from collections.abc import Sequence
from uuid import UUID

import pytest

from delivery.intake.queue import accept
from delivery.intake.submission import Submission
from harness.waiting import wait_until
from ingest.tests.database import writers_wait
from ingest.tests.dialogue import begin_data, send_mail
from ingest.tests.running import ServerInThread
from ingest.tests.stored import contents


@pytest.fixture
def commits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many messages each transaction of the writer held. Ask for it before the server."""
    counts: list[int] = []

    def counted(batch: Sequence[Submission]) -> list[UUID]:
        counts.append(len(batch))
        return accept(batch)

    monkeypatch.setattr("ingest.writer.accept", counted)
    return counts


def test_quiet_mails_are_committed_one_by_one(commits: list[int], server: ServerInThread) -> None:
    for _ in range(3):
        assert send_mail(server.port).startswith("250 2.0.0 Ok: queued as ")
    assert commits == [1, 1, 1]


def test_what_waits_is_committed_together(commits: list[int], server: ServerInThread) -> None:
    first, *others = talks = [begin_data(server.port) for _ in range(31)]
    with writers_wait():
        first.send("0\r\n.\r\n")
        wait_until(lambda: server.is_committing)
        for number, talk in enumerate(others, 1):
            talk.send(f"{number}\r\n.\r\n")
        wait_until(lambda: server.waiting_mails == 30)
    for talk in talks:
        talk.expect("250 2.0.0 Ok: queued as *")
        talk.hang_up()
    assert commits == [1, 30]
    assert set(contents()) == {f"{number}\r\n".encode() for number in range(31)}


def test_large_messages_fill_a_commit_sooner(commits: list[int], server: ServerInThread) -> None:
    first, *others = talks = [begin_data(server.port) for _ in range(13)]
    with writers_wait():
        first.send("small\r\n.\r\n")
        wait_until(lambda: server.is_committing)
        for talk in others:
            talk.send(b"x" * 1_000_000 + b"\r\n.\r\n")
        wait_until(lambda: server.waiting_mails == 12)
    for talk in talks:
        talk.expect("250 2.0.0 Ok: queued as *")
        talk.hang_up()
    assert commits == [1, 9, 3]  # nine of 1 MB are more than 8 MiB
