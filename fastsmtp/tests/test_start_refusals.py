"""What cannot work is told in a sentence for each variable, and nothing is started."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fastsmtp import embedded
from harness.environment import bare_environment

pytestmark = pytest.mark.embedded


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def run(*arguments: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """A command as its user runs it."""
    return subprocess.run(
        [sys.executable, "-m", "fastsmtp", *arguments],
        cwd=folder,
        env={**bare_environment(), "FASTSMTP_DATA_DIR": str(folder / "data"), **variables},
        capture_output=True,
        text=True,
        timeout=60,
    )


def sentences(result: subprocess.CompletedProcess[str]) -> list[str]:
    assert result.returncode == 1
    assert result.stdout == ""
    return result.stderr.splitlines()


def test_every_wrong_variable_is_named_at_once(tmp_path: Path) -> None:
    result = run("serve", folder=tmp_path, FASTSMTP_SMTP_PORT="x", FASTSMTP_LOG_LEVEL="loud")
    names = [line.partition(":")[0] for line in sentences(result)]
    assert names == ["FASTSMTP_LOG_LEVEL", "FASTSMTP_SMTP_PORT"]


def test_ports_in_use_are_named_at_once(tmp_path: Path, taken_port: int) -> None:
    result = run(
        "serve",
        folder=tmp_path,
        FASTSMTP_SMTP_HOST="127.0.0.1",
        FASTSMTP_SMTP_PORT=str(taken_port),
        FASTSMTP_API_PORT=str(taken_port),
    )
    assert sentences(result) == [
        f"FASTSMTP_SMTP_PORT: port {taken_port} on 127.0.0.1 is already in use.",
        f"FASTSMTP_API_PORT: port {taken_port} on 127.0.0.1 is already in use.",
    ]


def test_one_port_for_two_listeners_is_noticed(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
    result = run("serve", folder=tmp_path, FASTSMTP_SMTP_PORT=port, FASTSMTP_API_PORT=port)
    assert sentences(result) == [f"FASTSMTP_API_PORT: port {port} on 127.0.0.1 is already in use."]


def test_an_address_of_another_machine(tmp_path: Path) -> None:
    result = run("serve", folder=tmp_path, FASTSMTP_API_HOST="192.0.2.1")
    assert sentences(result) == ["FASTSMTP_API_HOST: 192.0.2.1 is not an address of this machine."]


def test_a_data_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file, not a folder")
    result = run("serve", folder=tmp_path)
    assert sentences(result) == [
        f"FASTSMTP_DATA_DIR: {tmp_path / 'data'} cannot be used (File exists)."
    ]


def test_a_data_folder_that_another_serve_uses(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    embedded.lock(data)
    result = run("serve", folder=tmp_path)
    assert sentences(result) == [f"FASTSMTP_DATA_DIR: another `serve` is running with {data}."]


def test_a_single_role_sets_nothing_up(tmp_path: Path) -> None:
    result = run("serve", "--worker-only", folder=tmp_path)
    assert sentences(result) == [
        "FASTSMTP_SECRET_KEY: is not set; run `init` first to generate it.",
        "FASTSMTP_ENCRYPTION_KEY: is not set; run `init` first to generate it.",
    ]
    assert not (tmp_path / "data").exists()


def test_a_command_before_the_first_start(tmp_path: Path) -> None:
    result = run("domain", "list", folder=tmp_path)
    assert sentences(result) == ["The database is not set up yet: run `init` or `serve` first."]


def test_an_unreachable_database(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    result = run(
        "domain",
        "list",
        folder=tmp_path,
        FASTSMTP_DATABASE_URL=f"postgresql://user:hidden-password@127.0.0.1:{port}/name",
        FASTSMTP_REDIS_URL="redis://127.0.0.1:1",
        FASTSMTP_ROOT_API_KEY="x" * 16,
        FASTSMTP_SECRET_KEY="x" * 16,
        FASTSMTP_ENCRYPTION_KEY="dGVzdHMgdGVzdHMgdGVzdHMgdGVzdHMgdGVzdHMgISE=",
    )
    # Beside it the connection pool tells in its own lines why it cannot connect.
    [said] = [line for line in sentences(result) if not line.startswith("{")]
    assert said.startswith("The database cannot be used: ")
    assert "hidden-password" not in result.stderr
    assert "Traceback" not in result.stderr
