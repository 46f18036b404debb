"""Child processes that write to a log file and end with us, whatever ends us."""

import os
import pwd
import secrets
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from itertools import cycle
from pathlib import Path
from typing import Any

import psutil

from fastsmtp import lifeline
from harness.waiting import wait_until

TAIL_LINES = 20
SERVER_PORTS = range(20_000, 32_768)
PORT_SHARES = 16  # more than there are workers in a test run


class ProcessFailed(Exception):
    """A child ended before its time; the message holds the end of its log."""


class Process:
    """Runs from construction on.

    Construct it in the main thread: the kernel ends the child when the thread that forked ends.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        user: str | None = None,
    ) -> None:
        self.name = log.stem
        self.log = log
        with log.open("ab") as output:
            self._popen = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=folder,
                # A Ctrl-C in the terminal is for us; we end our children in our order.
                start_new_session=True,
                # It runs after the change of user, which would undo it.
                preexec_fn=partial(lifeline.die_with, os.getpid()),
                **credentials(user),
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def is_running(self) -> bool:
        return self._popen.poll() is None

    def send_signal(self, number: signal.Signals) -> None:
        self._popen.send_signal(number)

    def end(self, number: signal.Signals = signal.SIGTERM, *, timeout: float = 45) -> int:
        """Asks with a signal, waits, and returns the exit status.

        Raises subprocess.TimeoutExpired after `timeout` seconds, when it has been killed.
        """
        self.send_signal(number)
        try:
            return self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self) -> None:
        """SIGKILL to it and to all that it started, as when the machine's memory runs out."""
        if not self.is_running:
            return
        family = psutil.Process(self.pid).children(recursive=True)
        self._popen.kill()
        self._popen.wait()
        for process in family:
            kill_if_alive(process)

    def wait_until(self, is_ready: Callable[[], bool], *, timeout: float = 30) -> None:
        """Raises ProcessFailed when it ends first, or is not ready after `timeout` seconds."""
        try:
            wait_until(lambda: not self.is_running or is_ready(), timeout=timeout)
        except TimeoutError as error:
            raise ProcessFailed(
                f"{self.name} is not ready after {timeout:g} s:\n{self.tail()}"
            ) from error
        self.check()

    def check(self) -> None:
        """Raises ProcessFailed when it has ended."""
        if not self.is_running:
            raise ProcessFailed(f"{self.name} ended:\n{self.tail()}")

    def tail(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join(lines[-TAIL_LINES:])


def kill_if_alive(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.NoSuchProcess:  # it went with its parent
        return


def catches(pid: int, number: signal.Signals) -> bool:
    """Whether it would handle the signal, instead of just ending by it (proc(5), SigCgt). A program
    that is still being started would not. Raises psutil.NoSuchProcess."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError) as error:
        raise psutil.NoSuchProcess(pid) from error
    caught = next(line.split()[1] for line in lines if line.startswith("SigCgt:"))
    return bool(int(caught, 16) >> (number - 1) & 1)


def credentials(user: str | None) -> dict[str, Any]:
    """Arguments for subprocess that start a program as `user`."""
    if user is None:
        return {}
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


def free_port() -> int:
    """A port of 127.0.0.1 that nobody uses at this moment.

    Below those that the kernel gives to outgoing connections: a server that is stopped for a
    while could not start again on a port that one of them took meanwhile. The workers of a test
    run have ports of their own: what one finds free, another would take a moment later.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    for port in _candidates(worker % PORT_SHARES):
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port
    raise AssertionError("the candidates have no end")


@cache
def _candidates(share: int) -> Iterator[int]:
    """In an order of this process, again and again: none is given twice in a short time."""
    ports = SERVER_PORTS[share::PORT_SHARES]
    return cycle(secrets.SystemRandom().sample(ports, len(ports)))


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def listeners(pid: int, port: int) -> list[psutil.Process]:
    """The process and those below it that listen on the port."""
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return [process for process in family if _has(process, psutil.CONN_LISTEN, port)]


def has_client(process: psutil.Process, port: int) -> bool:
    return _has(process, psutil.CONN_ESTABLISHED, port)


def _has(process: psutil.Process, status: str, port: int) -> bool:
    try:
        connections = process.net_connections()
    except psutil.Error:  # it has ended
        return False
    return any(item.status == status and item.laddr.port == port for item in connections)
