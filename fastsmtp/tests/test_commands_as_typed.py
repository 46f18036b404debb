"""A command as people type it, by `./dev`: it names itself so, and says nothing but its answer."""

import subprocess
import sys
from pathlib import Path

import pytest

from harness.environment import bare_environment

pytestmark = pytest.mark.embedded


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("installation")
    assert _run(folder, "init", "--no-input").returncode == 0
    return folder


def _run(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """With the environment that `./dev` gives."""
    return subprocess.run(
        [sys.executable, "-m", "fastsmtp", *arguments],
        cwd=folder,
        env={
            **bare_environment(),
            "FASTSMTP_COMMAND": "./dev",
            "FASTSMTP_DATA_DIR": str(folder / "data"),
            **variables,
        },
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["help"], "Type './dev help <subcommand>'"),
        (["domain", "--help"], "usage: ./dev domain "),
        (["domain", "create", "--help"], "usage: ./dev domain create "),
        (["help", "send_test"], "usage: ./dev send_test "),
    ],
)
def test_help_names_what_was_typed(folder: Path, arguments: list[str], words: str) -> None:
    result = _run(folder, *arguments)
    assert words in result.stdout
    assert "manage.py" not in result.stdout + result.stderr


@pytest.mark.parametrize("arguments", [["domain"], ["domain", "create"], ["send_tst"]])
def test_so_does_a_refusal(folder: Path, arguments: list[str]) -> None:
    result = _run(folder, *arguments)
    assert result.returncode != 0
    assert "./dev" in result.stderr


@pytest.mark.parametrize("things", ["domain", "recipient", "endpoint", "replay", "user"])
def test_an_answer_stands_alone(folder: Path, things: str) -> None:
    result = _run(folder, things, "list")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == f"There are no {things}s.\n"


def test_the_log_is_shown_to_who_asks_for_it(folder: Path) -> None:
    webhook = "http://127.0.0.1:9/"
    allowed = {"FASTSMTP_WEBHOOK_ALLOWED_INTERNAL_DOMAINS": "127.0.0.1"}
    _run(folder, "domain", "create", "example.com")
    _run(folder, "recipient", "create", "example.com", "a", webhook, **allowed)
    endpoint = _make_endpoint(folder)
    for level, is_logged in (({}, False), ({"FASTSMTP_LOG_LEVEL": "info"}, True)):
        _run(folder, "endpoint", "disable", endpoint)
        enabled = _run(folder, "endpoint", "enable", endpoint, **level)
        assert enabled.stdout == f"{webhook} is probing.\n"
        assert ('"endpoint"' in enabled.stderr) is is_logged
        assert is_logged or enabled.stderr == ""


def _make_endpoint(folder: Path) -> str:
    """As routing makes one when the first mail comes."""
    script = (
        "from accounts.models import Domain; from delivery.routing import endpoints; "
        "print(endpoints.id_of(Domain.objects.get().id, 'http://127.0.0.1:9/'))"
    )
    result = _run(folder, "shell", "--no-imports", "--command", script)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()
