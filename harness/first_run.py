"""The product as a newcomer meets it: one start, one domain, one mail, one webhook, one stop.

`python -m harness.first_run PYTHON FOLDER`: with that interpreter and an empty data folder.
"""

import os
import subprocess
import sys
import tempfile
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import psutil

from harness.processes import Process, free_port
from harness.waiting import wait_until

ROOT = Path(__file__).parents[1]
LOOPBACK = "127.0.0.1"


class Receiver(HTTPServer):
    """Answers 204 and keeps the bodies."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        super().__init__((LOOPBACK, 0), _Handler)
        Thread(target=self.serve_forever, daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """The log of `serve` tells it better."""


class Newcomer:
    """Somebody with an interpreter that has requirements/base.txt, and an empty data folder."""

    def __init__(self, python: str, data: str) -> None:
        self.manage = [python, str(ROOT / "manage.py")]
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": data,
            "FASTSMTP_DATA_DIR": data,
            "FASTSMTP_SMTP_HOST": LOOPBACK,
            "FASTSMTP_SMTP_PORT": str(free_port()),
            "FASTSMTP_API_PORT": str(free_port()),
        }

    def types(self, *arguments: str) -> None:
        subprocess.run([*self.manage, *arguments], env=self.environment, check=True)

    def serves(self, log: Path) -> Process:
        serve = Process([*self.manage, "serve"], log=log, environment=self.environment)
        serve.wait_until(lambda: "FastSMTP is running" in log.read_text(), timeout=120)
        return serve


def main() -> None:
    newcomer = Newcomer(*sys.argv[1:])
    with tempfile.TemporaryDirectory() as folder, Receiver() as receiver:
        log = Path(folder) / "serve.log"
        serve = newcomer.serves(log)
        family = psutil.Process(serve.pid).children(recursive=True)
        newcomer.types("domain", "create", "example.com")
        url = f"http://{LOOPBACK}:{receiver.server_port}/"
        newcomer.types("recipient", "create", "example.com", "info", url)
        newcomer.types("send_test", "info@example.com")
        wait_until(lambda: receiver.bodies)
        status = serve.end()
        _, left = psutil.wait_procs(family, timeout=10)
        print(log.read_text())
    if status or left:
        sys.exit(f"serve ended with status {status} and left {left}")
    print(f"first run: {len(family)} processes, one mail, all ended")


if __name__ == "__main__":
    main()
