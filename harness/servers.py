"""Servers to throw away: a PostgreSQL cluster and a Redis, on spare ports, in temporary folders.

They are started from installed programs and configured as a careful operator would: PostgreSQL
with fsync and synchronous commits, which are its defaults.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import psycopg
import redis
from psycopg import sql

from fastsmtp.broker import find_server
from harness.processes import Process, credentials, free_port

SUPERUSER = "fastsmtp"
STOP_SIGNALS = {
    "smart": signal.SIGTERM,
    "fast": signal.SIGINT,
    "immediate": signal.SIGQUIT,
}


class ServerNotFound(Exception):
    """The programs of a server are not installed."""


class _Server:
    """One for the length of a `with` block; stopping keeps its port and data, for a new start."""

    name: str
    exit_signal: signal.Signals
    is_kept = False  # its folder outlives it, for somebody to look into

    def __init__(self) -> None:
        self.port = free_port()
        # Not in a folder of the caller's: an unprivileged user must be able to get there.
        self.folder = Path(tempfile.mkdtemp(prefix=f"fastsmtp-{self.name}-"))
        self._process: Process | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._process is not None and self._process.is_running:
            self._process.end(self.exit_signal)
        if not self.is_kept:
            shutil.rmtree(self.folder)

    @property
    def process(self) -> Process:
        """Raises RuntimeError while the server is stopped."""
        if self._process is None:
            raise RuntimeError(f"{self.name} is not running")
        return self._process

    def start(self) -> None:
        """Returns when it answers; raises ProcessFailed."""
        raise NotImplementedError

    def _end(self, number: signal.Signals) -> None:
        self.process.end(number)
        self._process = None


class PostgresCluster(_Server):
    """Trusts everyone on 127.0.0.1 and on its socket; its superuser is `fastsmtp`."""

    name = "postgresql"
    exit_signal = signal.SIGQUIT  # no checkpoint, but it gives its shared memory back

    def __init__(self) -> None:
        self._programs = find_postgres_programs()
        self._user = unprivileged_user()
        super().__init__()
        if self._user is not None:
            shutil.chown(self.folder, self._user)
        self._data = self.folder / "data"
        self._initialise()

    def _initialise(self) -> None:
        subprocess.run(
            [
                *(self._programs / "initdb", "--pgdata", self._data, "--username", SUPERUSER),
                *("--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"),
            ],
            cwd=self.folder,
            check=True,
            stdout=subprocess.DEVNULL,
            **credentials(self._user),
        )

    def start(self) -> None:
        options = {
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self.folder),
        }
        arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        self._process = Process(
            [self._programs / "postgres", "-D", self._data, *arguments],
            log=self.folder / "postgresql.log",
            folder=self.folder,
            user=self._user,
        )
        self._process.wait_until(self.answers)

    def stop(self, mode: Literal["smart", "fast", "immediate"] = "fast") -> None:
        """`immediate` is a crash: no checkpoint, sessions cut off, recovery at the next start."""
        self._end(STOP_SIGNALS[mode])

    def answers(self) -> bool:
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def url(self, database: str) -> str:
        return f"postgresql://{SUPERUSER}@127.0.0.1:{self.port}/{database}"

    def create_database(self, name: str) -> str:
        """Returns the URL of a new, empty database."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.url(name)


class RedisServer(_Server):
    """Keeps nothing on disk: what a broker holds may be lost at any time."""

    name = "redis"
    exit_signal = signal.SIGKILL  # it may be paused

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        self._process = Process(
            [
                *(find_server(), "--port", str(self.port), "--bind", "127.0.0.1"),
                *("--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction"),
            ],
            log=self.folder / "redis.log",
            folder=self.folder,
        )
        self._process.wait_until(self.answers)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def pause(self) -> None:
        """It hangs: connections stay open and are accepted, nothing answers."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def flush(self) -> None:
        with redis.Redis.from_url(self.url) as client:
            client.flushall()

    def answers(self) -> bool:
        with redis.Redis.from_url(self.url, socket_timeout=1) as client:
            try:
                return bool(client.ping())
            except redis.RedisError:
                return False


def find_postgres_programs() -> Path:
    """The folder of `initdb` and `postgres`: PATH first, then where Debian hides them."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    folders = Path("/usr/lib/postgresql").glob("*/bin")
    for folder in sorted(folders, key=lambda folder: float(folder.parent.name), reverse=True):
        return folder
    raise ServerNotFound("PostgreSQL is not installed: no initdb in PATH or /usr/lib/postgresql.")


def unprivileged_user() -> str | None:
    """PostgreSQL refuses to run as root; None for anybody else, who runs it as themselves."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in names)
