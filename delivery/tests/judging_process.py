"""A process that ends as soon as the rules are asked about one mail. It runs this module."""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

from delivery.tests.database_url import database_url
from fastsmtp.config import config
from harness.processes import Process
from harness.waiting import wait_until

DEADLY = "Poison"  # the subject of that mail


def ends(work: str, folder: Path, *, before: Callable[[], bool]) -> bool:
    """Whether the mail ends a process that does this work ("courier" or "replays") before that
    holds."""
    process = Process(
        [sys.executable, "-m", __name__, work],
        log=folder / f"{work}.log",
        folder=Path(__file__).parents[2],
        environment={
            **os.environ,
            "FASTSMTP_DATABASE_URL": database_url(),
            "FASTSMTP_REDIS_URL": config().broker_url,
        },
    )
    try:
        wait_until(lambda: before() or not process.is_running, timeout=120)
        if process.is_running:
            return False
        assert process.end() == -signal.SIGKILL, process.tail()
        return True
    finally:
        process.kill()


def _run(work: str) -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fastsmtp.settings")
    django.setup()

    from delivery.courier.courier import Courier
    from delivery.replay import feeding
    from delivery.routing.verdicts import facts_of

    def facts_or_death(message: Any, *others: Any) -> Any:
        if message.subject == DEADLY:
            os.kill(os.getpid(), signal.SIGKILL)
        return facts_of(message, *others)

    patch("delivery.routing.verdicts.facts_of", facts_or_death).start()
    if work == "courier":
        Courier(config()).start()
    while True:
        if work == "replays":
            feeding.run(feeding.Feeder(), wake=lambda _: None)
        time.sleep(0.1)


if __name__ == "__main__":
    _run(sys.argv[1])
