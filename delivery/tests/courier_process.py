"""A courier in a process of its own, which runs this module. It finds by itself what is due."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import Self

from delivery.tests.database_url import database_url
from fastsmtp.config import config
from harness.processes import Process


class CourierProcess:
    """On the database of the test. Variables of its environment in capitals."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self._process = Process(
            [sys.executable, "-m", __name__],
            log=folder / "courier.log",
            folder=Path(__file__).parents[2],
            environment={
                **os.environ,
                "FASTSMTP_DATABASE_URL": database_url(),
                "FASTSMTP_REDIS_URL": config().broker_url,
                "FASTSMTP_WEBHOOK_ALLOWED_INTERNAL_DOMAINS": "127.0.0.0/8",
                "FASTSMTP_WEBHOOK_TIMEOUT": "120",
                **environment,
            },
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.kill()

    @property
    def is_running(self) -> bool:
        return self._process.is_running

    def wait_until(self, is_so: Callable[[], bool], *, timeout: float) -> None:
        """Raises ProcessFailed when it ends first, or after so many seconds."""
        self._process.wait_until(is_so, timeout=timeout)

    def memory(self) -> int:
        """Bytes that are resident now; the peak counts from here (proc(5), clear_refs)."""
        Path(f"/proc/{self._process.pid}/clear_refs").write_text("5")
        return self._read("VmRSS")

    def peak_memory(self) -> int:
        return self._read("VmHWM")

    def _read(self, name: str) -> int:
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(status.partition(f"{name}:")[2].split()[0]) * 1024


def _run() -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fastsmtp.settings")
    django.setup()

    from delivery.courier.courier import Courier

    Courier(config()).start()
    Event().wait()


if __name__ == "__main__":
    _run()
