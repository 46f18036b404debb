"""Load and receiver as processes of their own, so that neither slows the other or the product."""

import http.client
import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks.load import Load
from benchmarks.receiver import Arrival
from benchmarks.sent import LoadResult
from harness.processes import Process, free_port, is_listening

ROOT = Path(__file__).parent.parent
POLL = 0.2  # seconds


def start_module(name: str, *arguments: str, log: Path) -> Process:
    return Process([sys.executable, "-m", name, *arguments], log=log, folder=ROOT)


def run_load(load: Load, *, folder: Path, on_wait: Callable[[], None] = lambda: None) -> LoadResult:
    """Calls `on_wait` several times a second; raises ProcessFailed."""
    return LoadProcess(load, folder=folder).finish(on_wait)


class LoadProcess:
    """Sends from construction on."""

    def __init__(self, load: Load, *, folder: Path) -> None:
        self._out = folder / f"load-{load.run}.json"
        self._process = start_module(
            "benchmarks.flood", *_arguments(load), f"--out={self._out}", log=folder / "load.log"
        )

    def finish(self, on_wait: Callable[[], None] = lambda: None) -> LoadResult:
        """Calls `on_wait` several times a second; raises ProcessFailed."""
        while self._process.is_running:
            on_wait()
            time.sleep(POLL)
        if not self._out.exists():
            self._process.check()
        return LoadResult.read(self._out)


def _arguments(load: Load) -> list[str]:
    values = {item.name: getattr(load, item.name) for item in fields(load)}
    recipients = values.pop("recipients")
    options = [
        f"--{name.replace('_', '-')}={value}" for name, value in values.items() if value is not None
    ]
    return [*options, "--recipients", *recipients]


class _Instrument:
    """A server of the benchmark's own, for the length of a `with` block."""

    def __init__(self, module: str, *arguments: str, log: Path) -> None:
        self._port = free_port()
        self._command = (module, f"--port={self._port}", *arguments)
        self._log = log

    def __enter__(self) -> Self:
        self._process = start_module(*self._command, log=self._log)
        self._process.wait_until(lambda: is_listening(self._port))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.kill()

    @property
    def pid(self) -> int:
        return self._process.pid


class NameServerProcess(_Instrument):
    def __init__(self, *, folder: Path, signing_key: Path) -> None:
        super().__init__(
            "benchmarks.name_server",
            f"--signing-key={signing_key}",
            log=folder / "name_server.log",
        )

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"


class ReceiverProcess(_Instrument):
    """`behaviours`: by path, as `benchmarks.receiver` names them; others answer at once."""

    def __init__(self, *, folder: Path, behaviours: Mapping[str, str] | None = None) -> None:
        options = [f"--behaviour={path}={name}" for path, name in (behaviours or {}).items()]
        super().__init__("benchmarks.receiver", *options, log=folder / "receiver.log")

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._port}{path}"

    def count_delivered(self, *, run: str = "") -> int:
        """Different mails by path that it answered with a 2xx; of one load or of all."""
        return int(self._get(f"/count/{run}" if run else "/count"))

    def arrivals(self) -> list[Arrival]:
        return [Arrival(*values) for values in self._get("/results")]

    def _get(self, path: str) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        try:
            connection.request("GET", path)
            return json.load(connection.getresponse())
        finally:
            connection.close()
