"""The product as it runs in containers: one process per role, in a folder and on ports of its own.

    with Stack(folder=…, redis_url=…, database_url=…) as stack:
        stack.create_recipients("a.example", {"sales": "http://127.0.0.1:9000/hook"})
        stack.kill("worker")
        stack.start("worker")

Logs are `<role>.log` in the folder.
"""

import base64
import http.client
import json
import secrets
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from harness.environment import without_settings
from harness.processes import Process, free_port, is_listening

type Role = Literal["smtp", "api", "worker", "beat"]

ROLES: tuple[Role, ...] = ("smtp", "api", "worker", "beat")
MANAGE = Path(__file__).parent.parent / "manage.py"
COMMAND_TIMEOUT = 120.0  # seconds
PROGRAM_TIMEOUT = 900.0


class CommandFailed(Exception):
    """A command of the product, or a call of its API, did not succeed."""


class Stack:
    """One installation. `database_url=None` is SQLite inside `folder`."""

    def __init__(
        self,
        *,
        folder: Path,
        redis_url: str,
        database_url: str | None = None,
        environment: Mapping[str, str] | None = None,
        roles: Sequence[Role] = ROLES,
    ) -> None:
        self.folder = folder
        self.roles = roles
        self.smtp_port, self.api_port = free_port(), free_port()
        self._processes: dict[Role, Process] = {}
        self._environment = {
            **without_settings(),
            "FASTSMTP_DATA_DIR": str(folder),
            **({"FASTSMTP_DATABASE_URL": database_url} if database_url else {}),
            "FASTSMTP_REDIS_URL": redis_url,
            "FASTSMTP_ROOT_API_KEY": f"fsmtp_{secrets.token_hex(16)}",
            "FASTSMTP_SECRET_KEY": secrets.token_hex(32),
            "FASTSMTP_ENCRYPTION_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "FASTSMTP_SMTP_HOST": "127.0.0.1",
            "FASTSMTP_SMTP_PORT": str(self.smtp_port),
            "FASTSMTP_API_HOST": "127.0.0.1",
            "FASTSMTP_API_PORT": str(self.api_port),
            "FASTSMTP_WEBHOOK_ALLOWED_INTERNAL_DOMAINS": "127.0.0.0/8",
            # All mail of a load comes from here.
            "FASTSMTP_SMTP_TRUSTED_NETWORKS": "127.0.0.0/8",
            "FASTSMTP_SMTP_VERIFY_DKIM": "false",
            "FASTSMTP_SMTP_VERIFY_SPF": "false",
            **(environment or {}),
        }
        self.root_key = self._environment["FASTSMTP_ROOT_API_KEY"]

    def __enter__(self) -> Self:
        try:
            self.manage("migrate")
            for role in self.roles:
                self.start(role)
            for role in self.roles:
                self.wait_ready(role)
        except BaseException:
            self.kill(*self.roles)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.kill(*self.roles)

    def neighbour(self, *roles: Role, folder: Path) -> "Stack":
        """More processes of this installation, data folder included; `folder` is for their logs."""
        own = ("FASTSMTP_SMTP_PORT", "FASTSMTP_API_PORT")
        shared = {name: value for name, value in self._environment.items() if name not in own}
        return Stack(
            folder=folder,
            redis_url=shared["FASTSMTP_REDIS_URL"],
            environment=shared,
            roles=roles,
        )

    def manage(self, *arguments: str) -> str:
        """Runs a command and returns its standard output; raises CommandFailed."""
        return self._run(str(MANAGE), *arguments, timeout=COMMAND_TIMEOUT)

    def run_module(self, name: str, *arguments: str) -> str:
        """A program of ours that uses the installation's database, as `manage` runs a command."""
        return self._run("-m", name, *arguments, timeout=PROGRAM_TIMEOUT)

    def _run(self, *arguments: str, timeout: float) -> str:
        run = subprocess.run(
            [sys.executable, *arguments],
            env={**self._environment, "PYTHONPATH": str(MANAGE.parent)},
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if run.returncode != 0:
            raise CommandFailed(f"{' '.join(arguments)}: {run.stderr or run.stdout}")
        return run.stdout

    def start(self, role: Role, **environment: str) -> None:
        """Does not wait. `environment` is for this start only: `FASTSMTP_CRASH_AT="after_post"`."""
        self._processes[role] = Process(
            [sys.executable, MANAGE, "serve", f"--{role}-only"],
            log=self.folder / f"{role}.log",
            environment={**self._environment, **environment},
            folder=self.folder,
        )

    def wait_ready(self, role: Role) -> None:
        """Raises ProcessFailed. Worker and beat have no port: they only must still be running."""
        process = self._processes[role]
        ports = {"smtp": self.smtp_port, "api": self.api_port}
        if role in ports:
            process.wait_until(lambda: is_listening(ports[role]))
        else:
            process.check()

    def stop(self, role: Role) -> int:
        """SIGTERM, as an operator would; returns the exit status."""
        return self._processes.pop(role).end()

    def kill(self, *roles: Role) -> None:
        for role in roles:
            if role in self._processes:
                self._processes.pop(role).kill()

    def send_signal(self, role: Role, number: signal.Signals) -> None:
        self._processes[role].send_signal(number)

    def restart(self, role: Role) -> None:
        self.stop(role)
        self.start(role)
        self.wait_ready(role)

    def is_running(self, role: Role) -> bool:
        return role in self._processes and self._processes[role].is_running

    def pid(self, role: Role) -> int:
        return self._processes[role].pid

    def log(self, role: Role) -> str:
        return (self.folder / f"{role}.log").read_text(errors="replace")

    def create_recipients(self, domain: str, webhooks: Mapping[str, str]) -> str:
        """Makes the domain and a recipient for each local part and its webhook URL; returns the
        domain's id."""
        domain_id = self.api("POST", "/domains", {"domain_name": domain})["id"]
        for local_part, url in webhooks.items():
            recipient = {"local_part": local_part, "webhook_url": url}
            self.api("POST", f"/domains/{domain_id}/recipients", recipient)
        return str(domain_id)

    def api(self, method: str, path: str, body: object = None) -> Any:
        """Calls the REST API with the root key; raises CommandFailed."""
        connection = http.client.HTTPConnection("127.0.0.1", self.api_port, timeout=30)
        headers = {"X-API-Key": self.root_key, "Content-Type": "application/json"}
        content = None if body is None else json.dumps(body)
        try:
            connection.request(method, f"/api/v1{path}", content, headers)
            response = connection.getresponse()
            answer = response.read()
        finally:
            connection.close()
        if response.status >= 400:
            raise CommandFailed(f"{method} {path}: {response.status} {answer.decode()}")
        return json.loads(answer)
