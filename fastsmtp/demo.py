"""What `demo` plays with: an installation in a temporary folder, and a webhook that listens."""

import json
import os
import queue
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Sequence
from email import message_from_bytes
from email.utils import parseaddr
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Any, Self

from fastsmtp import lifeline, smtp_client
from fastsmtp.config import PREFIX

LOOPBACK = "127.0.0.1"
START_TIMEOUT = 60.0  # seconds, with migrations on a slow disk
STOP_TIMEOUT = 40.0  # seconds
ARRIVAL_TIMEOUT = 20.0  # seconds
LONGEST_TEXT = 160  # characters of a value that is shown


class StartFailed(Exception):
    """The text is what its programs said."""


class Receiver:
    """A webhook: answers 204 and keeps what it got, with the time."""

    def __init__(self) -> None:
        self._arrivals: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()
        arrivals = self._arrivals

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                arrivals.put((time.monotonic(), body))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """The demo has its own words."""

        self._server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
        self.url = f"http://{LOOPBACK}:{self._server.server_port}/webhook"

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def next_arrival(self) -> tuple[float, dict[str, Any]]:
        """The monotonic time and the payload; raises TimeoutError."""
        try:
            at, body = self._arrivals.get(timeout=ARRIVAL_TIMEOUT)
        except queue.Empty:
            raise TimeoutError(f"No webhook call came within {ARRIVAL_TIMEOUT:g} s.") from None
        return at, json.loads(body)


class Installation:
    """FastSMTP as `serve` runs it, on spare ports, told nothing by the environment."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._root_key = secrets.token_urlsafe(32)
        self.smtp_port, self._api_port = _spare_port(), _spare_port()

    def __enter__(self) -> Self:
        self._log = (self._folder / "demo.log").open("w+b")
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "fastsmtp", "serve"],
            cwd=self._folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            # Ctrl-C reaches us alone; we stop it in order.
            start_new_session=True,
        )
        try:
            self._wait_until_ready()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop()

    def call(self, method: str, path: str, body: object = None) -> Any:
        """A call of the REST API; raises OSError."""
        request = urllib.request.Request(
            f"http://{LOOPBACK}:{self._api_port}/api/v1{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"X-API-Key": self._root_key, "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def _environment(self) -> dict[str, str]:
        inherited = {
            name: value
            for name, value in lifeline.environment().items()
            if not (name.startswith(PREFIX) and name in os.environ)
        }
        ours = {
            "DATA_DIR": self._folder,
            "SMTP_HOST": LOOPBACK,
            "SMTP_PORT": self.smtp_port,
            "API_HOST": LOOPBACK,
            "API_PORT": self._api_port,
            "ROOT_API_KEY": self._root_key,
        }
        return inherited | {PREFIX + name: str(value) for name, value in ours.items()}

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                if self.call("GET", "/ready?include_smtp")["smtp"] == "ok":
                    return
            except OSError:
                pass  # not listening yet
            time.sleep(0.1)
        raise StartFailed(self.log_text())

    def log_text(self) -> str:
        """What its programs have said so far."""
        return (self._folder / "demo.log").read_text(errors="replace")

    def _stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()


def play(
    samples: Sequence[Path],
    installation: Installation,
    receiver: Receiver,
    *,
    say: Callable[[str], None],
) -> None:
    """Sends each sample and shows its payload.

    Raises `Refused` if the server does not take one, TimeoutError if one does not arrive.
    """
    domain = installation.call("POST", "/domains", {"domain_name": "example.com"})
    catch_all = {"local_part": "*", "webhook_url": receiver.url}
    installation.call("POST", f"/domains/{domain['id']}/recipients", catch_all)
    say(f"Domain example.com: all its mail goes to {receiver.url}.")
    for sample in samples:
        raw = sample.read_bytes()
        address = parseaddr(message_from_bytes(raw)["To"])[1]
        say(f"\n── {sample.name} to {address}")
        reply = smtp_client.send(
            raw,
            mail_from="sender@example.org",
            rcpt_to=address,
            host=LOOPBACK,
            port=installation.smtp_port,
        )
        accepted_at = time.monotonic()
        arrived_at, payload = receiver.next_arrival()
        say(reply)
        say(json.dumps(shorten(payload), indent=2, ensure_ascii=False))
        say(f"at the webhook {(arrived_at - accepted_at) * 1000:.0f} ms after the 250")
    say(f"\n{len(samples)} mails sent, {len(samples)} webhook calls received.")


def shorten(value: Any) -> Any:
    """Long texts, such as attachments in base64, cut for the eye."""
    if isinstance(value, dict):
        return {name: shorten(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [shorten(inner) for inner in value]
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        return f"{value[:LONGEST_TEXT]}… ({len(value)} characters)"
    return value


def _spare_port() -> int:
    with socket.create_server((LOOPBACK, 0)) as listener:
        return listener.getsockname()[1]
