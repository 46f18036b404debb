"""How long a role waits for its database. For a process of its own: it holds for all that connects
later. What a lock that is not given comes to is told by `delivery.tests.test_stuck_couriers`."""

import os
import subprocess
import sys

import pytest

from fastsmtp.waits import SOCKET_PATIENCE

PRINT_OPTIONS = """
from django.db import connections
from fastsmtp.waits import limit_waits
limit_waits()
options = connections.settings["default"]["OPTIONS"]
print(options.get("read_timeout"), options.get("write_timeout"))
"""


@pytest.mark.parametrize(
    ("url", "answer"),
    [
        ("mysql://root@127.0.0.1:1/test", f"{SOCKET_PATIENCE} {SOCKET_PATIENCE}"),
        ("postgresql://postgres@127.0.0.1:1/test", "None None"),
    ],
)
def test_for_an_answer(url: str, answer: str) -> None:
    process = subprocess.run(
        [sys.executable, "-c", PRINT_OPTIONS],
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "fastsmtp.settings",
            "FASTSMTP_DATABASE_URL": url,
            "FASTSMTP_REDIS_URL": "redis://127.0.0.1:1/0",
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert process.stdout.strip() == answer
