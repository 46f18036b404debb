"""A worker in a process of its own, which runs this module, and which is not as patient with its
ears as a real one."""

import os
import sys
from pathlib import Path

from delivery.tests.database_url import database_url
from harness.processes import Process

PATIENCE = 8.0  # seconds


def start_worker(folder: Path, *, broker_url: str) -> Process:
    """On the database of the test."""
    return Process(
        [sys.executable, "-m", __name__],
        log=folder / "worker.log",
        folder=Path(__file__).parents[2],
        environment={
            **os.environ,
            "FASTSMTP_DATABASE_URL": database_url(),
            "FASTSMTP_REDIS_URL": broker_url,
            "FASTSMTP_WEBHOOK_ALLOWED_INTERNAL_DOMAINS": "127.0.0.0/8",
        },
    )


def _run() -> None:
    from fastsmtp import hearing
    from fastsmtp.config import config
    from fastsmtp.logs import configure_logging

    hearing.LOOK_INTERVAL, hearing.PATIENCE = 0.1, PATIENCE
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fastsmtp.settings")
    configure_logging(config())

    import django

    django.setup()

    from fastsmtp.roles import run

    run("worker", config())


if __name__ == "__main__":
    _run()
