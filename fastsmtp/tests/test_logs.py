"""Our lines and those of libraries: one stream, one form. Looked at in a process of its own."""

import json
import subprocess
import sys
from typing import Any

import pytest

from fastsmtp import lifeline

pytestmark = pytest.mark.embedded

SCRIPT = """
import logging, os, pty, sys
import structlog
from fastsmtp.config import config
from fastsmtp.logs import configure_logging

log = structlog.get_logger()
configure_logging(config())
print("an answer")
log.info("ours", size=3, id=__import__("uuid").UUID(int=1))
log.debug("too quiet")
logging.getLogger("some.library").warning("theirs %d", 7)
logging.getLogger("mail.log").info("every command of a session")
try:
    1 / 0
except ZeroDivisionError:
    log.exception("ours broke")
    logging.getLogger("some.library").exception("theirs broke")
"""


def run(**variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**lifeline.environment(), **variables},
        capture_output=True,
        text=True,
        check=True,
    )


@pytest.fixture(scope="module")
def lines() -> list[dict[str, Any]]:
    return [json.loads(line) for line in run().stderr.splitlines()]


def test_without_a_terminal_each_line_is_json(lines: list[dict[str, Any]]) -> None:
    assert [line["event"] for line in lines] == ["ours", "theirs 7", "ours broke", "theirs broke"]
    assert all(line["timestamp"].endswith("Z") for line in lines)
    assert lines[0]["size"] == 3
    assert lines[0]["id"] == "00000000-0000-0000-0000-000000000001"
    assert lines[0]["level"] == "info"
    assert lines[1]["level"] == "warning"
    assert lines[1]["logger"] == "some.library"


def test_a_traceback_stays_in_its_line(lines: list[dict[str, Any]]) -> None:
    assert "ZeroDivisionError" in lines[2]["exception"]
    assert "ZeroDivisionError" in lines[3]["exception"]


def test_the_output_of_a_command_is_apart() -> None:
    assert run().stdout == "an answer\n"


def test_the_form_and_the_level_can_be_chosen() -> None:
    said = run(FASTSMTP_LOG_FORMAT="console", FASTSMTP_LOG_LEVEL="warning").stderr
    assert "theirs 7" in said
    assert "size=3" not in said
    assert not said.startswith("{")


DEAD_READER = """
import os, sys
import structlog
from fastsmtp.config import config
from fastsmtp.logs import configure_logging

configure_logging(config())
reader, writer = os.pipe()
os.dup2(writer, 2)
os.close(reader)
structlog.get_logger().info("nobody hears this")
print("alive")
"""


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_log_that_nobody_reads_stops_nothing(log_format: str) -> None:
    result = subprocess.run(
        [sys.executable, "-u", "-c", DEAD_READER],
        env={**lifeline.environment(), "FASTSMTP_LOG_FORMAT": log_format},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert result.stdout == "alive\n"
