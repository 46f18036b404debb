"""`init` as its user runs it, at a terminal and without one."""

import os
import pty
import select
import subprocess
import sys
from pathlib import Path

import pytest

from harness.environment import bare_environment

pytestmark = pytest.mark.embedded

ANSWERS = {
    b"self-signed": b"yes\n",
    b"superuser": b"alice\n",
    b"Password:": b"correct horse battery\n",
    b"Again:": b"correct horse battery\n",
    b"First domain": b"example.com\n",
    b"First recipient": b"info\n",
    b"Webhook": b"http://127.0.0.1:5678/hook\n",
}


def command(folder: Path, *arguments: str) -> tuple[list[str], dict[str, str]]:
    environment = {**bare_environment(), "FASTSMTP_DATA_DIR": str(folder / "data")}
    return [sys.executable, "-m", "fastsmtp", *arguments], environment


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    line, environment = command(folder, *arguments)
    return subprocess.run(
        line,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


def converse(folder: Path, *arguments: str) -> str:
    """Answers each question once at a terminal; returns all that was said."""
    line, environment = command(folder, *arguments)
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        line, cwd=folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    said, unanswered = b"", dict(ANSWERS)
    while piece := _read(ours):
        said += piece
        for question in list(unanswered):
            if question in said:
                os.write(ours, unanswered.pop(question))
    os.close(ours)
    assert process.wait(timeout=30) == 0, said
    return said.decode()


def _read(terminal: int) -> bytes:
    ready, _, _ = select.select([terminal], [], [], 60)
    assert ready, "it neither speaks nor ends"
    try:
        return os.read(terminal, 1024)
    except OSError:  # the other side is closed
        return b""


def test_it_asks_for_a_certificate_a_user_and_an_address_once(tmp_path: Path) -> None:
    said = converse(tmp_path, "init")
    assert "A self-signed certificate for" in said
    assert "Superuser alice created." in said
    assert "Recipient info@example.com created" in said
    again = run(tmp_path, "init")
    assert again.returncode == 0
    assert "empty: not now" not in again.stdout


def test_without_input_it_sets_up_and_asks_nothing(tmp_path: Path) -> None:
    first, second = run(tmp_path, "init", "--no-input"), run(tmp_path, "init", "--no-input")
    assert first.returncode == second.returncode == 0
    assert first.stdout == second.stdout
    assert run(tmp_path, "domain", "list").returncode == 0


def test_nobody_to_ask(tmp_path: Path) -> None:
    result = run(tmp_path, "init")
    assert result.returncode == 1
    assert result.stderr == "CommandError: Nobody is here to answer: give --no-input.\n"
