"""A worker in a process of its own, which runs this module, and which is not as patient with its
ears as a real one, nor with its courier when that shall hang."""

import os
import sys
import time
from importlib import import_module
from pathlib import Path

from delivery.tests.database_url import database_url
from harness.processes import Process

PATIENCE = 8.0  # seconds
COURIER_PATIENCE = 5.0  # seconds
LOCK_PATIENCE = 1  # second
HANGS = "TEST_WORKER_HANGS"

# What hangs: all bodies, which are built on the loop; or all claims, or all records.
_HANGING = {
    "loop": ("delivery.courier.calls", "build"),
    "claim": ("delivery.courier.claims", "claim"),
    "record": ("delivery.courier.recorder", "record"),
    "nothing": None,
}


def start_worker(folder: Path, *, broker_url: str, hangs: str = "") -> Process:
    """On the database of the test. `hangs`: a key of `_HANGING`, for a courier whose patience is
    short."""
    return Process(
        [sys.executable, "-m", __name__],
        log=folder / "worker.log",
        folder=Path(__file__).parents[2],
        environment={
            **os.environ,
            "FASTSMTP_DATABASE_URL": database_url(),
            "FASTSMTP_REDIS_URL": broker_url,
            "FASTSMTP_WEBHOOK_ALLOWED_INTERNAL_DOMAINS": "127.0.0.0/8",
            HANGS: hangs,
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

    if os.environ[HANGS]:
        _hang(os.environ[HANGS])

    from fastsmtp.roles import run

    run("worker", config())


def _hang(name: str) -> None:
    from delivery.courier import watchdog
    from fastsmtp import waits

    watchdog.LOOK_INTERVAL = 0.1
    watchdog.LOOP_PATIENCE = watchdog.DATABASE_PATIENCE = COURIER_PATIENCE
    waits.LOCK_PATIENCE = LOCK_PATIENCE
    if place := _HANGING[name]:
        module, function = place
        setattr(import_module(module), function, lambda *_, **__: time.sleep(3600))


if __name__ == "__main__":
    _run()
