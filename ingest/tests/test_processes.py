"""Several processes receive mail on one port; one command starts, watches and ends them."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest
from django.core.management import CommandError, call_command

from accounts.models import Domain
from harness.processes import has_client
from harness.waiting import wait_until
from ingest.management.commands.smtpd import Command
from ingest.tests.dialogue import Talk, begin, begin_data, send_mail
from ingest.tests.running import ServerProcess
from ingest.tests.stored import contents

SHUTTING_DOWN = "421 4.3.2 Service shutting down"


@pytest.fixture
def server(domain: Domain, tmp_path: Path) -> Iterator[ServerProcess]:
    """With two processes, both of which listen. The option wins over the variable."""
    command = ("smtpd", "--processes", "2")
    with ServerProcess(tmp_path, command=command, smtp_processes=3) as server:
        wait_until(lambda: len(server.receivers()) == 2)
        yield server


def talks_with_all(server: ServerProcess, exits: ExitStack) -> list[Talk]:
    """Conversations, among them one or more with each process."""
    receivers = server.receivers()
    talks: list[Talk] = []
    while not all(has_client(receiver, server.port) for receiver in receivers):
        talks.append(exits.enter_context(begin(server.port)))
    return talks


def test_one_that_dies_is_replaced_and_none_outlives_its_parent(server: ServerProcess) -> None:
    first, second = server.receivers()
    first.kill()
    wait_until(lambda: not first.is_running())
    assert send_mail(server.port).startswith("250 ")
    wait_until(lambda: len(server.receivers()) == 2)
    assert second in server.receivers()
    with ExitStack() as exits:
        talks_with_all(server, exits)
    receivers = server.receivers()
    psutil.Process(server.process.pid).kill()
    _, alive = psutil.wait_procs(receivers, timeout=30)
    assert alive == []


def test_all_of_them_take_mail_and_finish_it_when_told_to_stop(server: ServerProcess) -> None:
    receivers = server.receivers()
    with ExitStack() as exits:
        talks = talks_with_all(server, exits)
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: not server.receivers())
        for talk in talks:
            talk.play("""
                C: DATA
                S: 354 *
                C: .
                S: 250 2.0.0 Ok: queued as *
            """)
            talk.expect(SHUTTING_DOWN)
            assert talk.is_closed
    assert server.process.end() == 0
    assert len(contents()) == len(talks)
    assert not any(map(psutil.Process.is_running, receivers))


def test_a_mail_that_never_ends_does_not_hold_up_the_end(domain: Domain, tmp_path: Path) -> None:
    command = ("serve", "--smtp-only", "--processes", "2")
    with (
        ServerProcess(tmp_path, command=command, shutdown_timeout="0.5s") as server,
        begin_data(server.port),
    ):
        assert len(psutil.Process(server.process.pid).children()) == 2
        assert server.process.end() == 0
    assert contents() == []


def test_the_other_roles_are_one_process_each() -> None:
    with pytest.raises(CommandError, match="--processes belongs to --smtp-only"):
        call_command("serve", processes=2)


@pytest.mark.parametrize("number", ["0", "-1", "many"])
def test_a_number_of_processes_that_is_none(
    number: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        Command().run_from_argv(["manage.py", "smtpd", f"--processes={number}"])
    assert f"argument --processes: {number} is not 1 or more" in capsys.readouterr().err
