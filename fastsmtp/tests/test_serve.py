"""`serve` with nothing configured: comes up, is told to stop or killed, and leaves nothing."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from harness.environment import bare_environment
from harness.processes import free_port
from harness.waiting import wait_until

pytestmark = pytest.mark.embedded


class Serve:
    def __init__(self, folder: Path) -> None:
        self.api_port = free_port()
        self._output = folder / "output"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "fastsmtp", "serve"],
            cwd=folder,
            env={
                **bare_environment(),
                "FASTSMTP_DATA_DIR": str(folder / "data"),
                "FASTSMTP_COMMAND": "./dev",
                "FASTSMTP_SMTP_HOST": "127.0.0.1",
                "FASTSMTP_SMTP_PORT": str(free_port()),
                "FASTSMTP_API_PORT": str(self.api_port),
                "FASTSMTP_SMTP_PROT": "25",
            },
            stdout=self._output.open("w"),
            stderr=subprocess.STDOUT,
        )

    def said(self) -> str:
        return self._output.read_text()

    def wait_until_up(self) -> list[psutil.Process]:
        """All its processes, gunicorn's own child and the broker among them."""
        wait_until(
            lambda: "FastSMTP is running" in self.said() or self.process.poll() is not None,
            timeout=90,
        )
        assert self.process.poll() is None, self.said()
        return psutil.Process(self.process.pid).children(recursive=True)

    def ask(self, path: str) -> dict[str, object]:
        url = f"http://127.0.0.1:{self.api_port}/api/v1/{path}"
        with urllib.request.urlopen(url, timeout=30) as response:
            answer: dict[str, object] = json.load(response)
            return answer


@contextmanager
def serving(folder: Path) -> Iterator[Serve]:
    serve = Serve(folder)
    try:
        yield serve
    finally:
        serve.process.kill()
        serve.process.wait()


def assert_gone(processes: list[psutil.Process]) -> None:
    assert len(processes) >= 6  # four roles, gunicorn's child, the broker
    _, alive = psutil.wait_procs(processes, timeout=30)
    assert alive == []


def test_a_stop_is_clean_and_a_kill_leaves_nothing_either(tmp_path: Path) -> None:
    with serving(tmp_path) as serve:
        processes = serve.wait_until_up()
        assert serve.ask("ready?include_smtp")["broker"] == "ok"
        assert "./dev domain create example.com" in serve.said()
        assert serve.said().count("FASTSMTP_SMTP_PROT is not a variable") == 1  # not by each role
        _arbiter(serve, processes).kill()
        wait_until(lambda: "api ended, starting it again" in serve.said())
        wait_until(lambda: _answers(serve), timeout=60)
        serve.process.terminate()
        assert serve.process.wait(timeout=60) == 0
        assert_gone(processes)
        assert "Traceback" not in serve.said()
    secrets = (tmp_path / "data" / "fastsmtp.env").read_text()
    with serving(tmp_path) as again:
        processes = again.wait_until_up()
        again.process.kill()
        assert_gone(processes)
    assert (tmp_path / "data" / "fastsmtp.env").read_text() == secrets


def _arbiter(serve: Serve, processes: list[psutil.Process]) -> psutil.Process:
    (found,) = (
        process
        for process in processes
        if "--api-only" in process.cmdline() and process.ppid() == serve.process.pid
    )
    return found


def _answers(serve: Serve) -> bool:
    try:
        return serve.ask("health")["status"] == "ok"
    except OSError:
        return False
