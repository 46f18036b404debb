"""`./dev test`: the suite on every database that answers; arguments go to pytest.

SQLite with a local broker always. PostgreSQL with Redis when both answer, which in CI they must.
The parts that write SQL of their own also on MariaDB. Elsewhere than at their default addresses:
`FASTSMTP_TEST_POSTGRES_URL`, `FASTSMTP_TEST_REDIS_URL`, `FASTSMTP_TEST_MARIADB_URL`.
"""

import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import psycopg
import redis

from fastsmtp.database import DatabaseURL
from harness.environment import without_settings

ROOT = Path(__file__).parents[1]
POSTGRES = os.environ.get(
    "FASTSMTP_TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/postgres"
)
REDIS = os.environ.get("FASTSMTP_TEST_REDIS_URL", "redis://127.0.0.1:6379")
MARIADB = os.environ.get("FASTSMTP_TEST_MARIADB_URL", "mysql://root@127.0.0.1:3306/test")
NO_TESTS_COLLECTED = 5


@dataclass(frozen=True, kw_only=True)
class Leg:
    """One run of pytest against one set of servers."""

    name: str
    environment: Mapping[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    obstacle: Callable[[], str | None] = lambda: None
    is_required_in_ci: bool = False


@dataclass(frozen=True, kw_only=True)
class Outcome:
    line: str
    is_good: bool
    passed: int = 0
    failed: int = 0
    skipped: int = 0


def _ask_postgres() -> str | None:
    try:
        psycopg.connect(POSTGRES, connect_timeout=3).close()
    except psycopg.Error as error:
        return f"PostgreSQL does not answer ({' '.join(str(error).split())})"
    return _ask_redis()


def _ask_redis() -> str | None:
    try:
        with redis.Redis.from_url(REDIS, socket_connect_timeout=3) as client:
            client.ping()
    except redis.RedisError as error:
        return f"Redis does not answer ({error})"
    return None


def _ask_mariadb() -> str | None:
    if find_spec("MySQLdb") is None:
        return "the driver is not installed (requirements/mariadb.txt)"
    import MySQLdb

    url = DatabaseURL.parse(MARIADB)
    try:
        MySQLdb.connect(
            host=url.host,
            port=url.port or 3306,
            user=url.user,
            password=url.password,
            connect_timeout=3,
        ).close()
    except MySQLdb.Error as error:
        return f"MariaDB does not answer ({error})"
    return None


LEGS = (
    Leg(name="SQLite and a local broker"),
    Leg(
        name="PostgreSQL and Redis",
        environment={"FASTSMTP_DATABASE_URL": POSTGRES, "FASTSMTP_REDIS_URL": REDIS},
        arguments=("-m", "not embedded and not faults"),
        obstacle=_ask_postgres,
        is_required_in_ci=True,
    ),
    Leg(
        name="MariaDB and Redis",
        environment={"FASTSMTP_DATABASE_URL": MARIADB, "FASTSMTP_REDIS_URL": REDIS},
        arguments=("-m", "mariadb and not faults"),
        obstacle=lambda: _ask_mariadb() or _ask_redis(),
    ),
)


def main() -> None:
    outcomes = [_run(leg, sys.argv[1:]) for leg in LEGS]
    print("\n" + "\n".join(outcome.line for outcome in outcomes))
    print(_closing_line(outcomes))
    sys.exit(0 if all(outcome.is_good for outcome in outcomes) else 1)


def _run(leg: Leg, arguments: list[str]) -> Outcome:
    if obstacle := leg.obstacle():
        is_good = not (leg.is_required_in_ci and os.environ.get("CI"))
        verdict = "not run" if is_good else "NOT RUN, but CI requires it"
        return Outcome(line=f"{leg.name}: {verdict}, {obstacle}", is_good=is_good)
    print(f"\n{leg.name}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        status = subprocess.run(
            [*_pytest(), f"--junitxml={report}", *leg.arguments, *arguments],
            cwd=ROOT,
            env={**without_settings(), **leg.environment},
        ).returncode
        return _judge(leg, status, report)


def _pytest() -> list[str]:
    processes = str(max(2, os.cpu_count() or 1))
    # A few tests run a whole installation and take as long as hundreds of others.
    return [sys.executable, "-m", "pytest", "-q", "-n", processes, "--dist", "worksteal"]


def _judge(leg: Leg, status: int, report: Path) -> Outcome:
    if not report.exists():
        return Outcome(
            line=f"{leg.name}: pytest ended with status {status}", is_good=False, failed=1
        )
    suite = ET.parse(report).getroot().find("testsuite")
    assert suite is not None
    counts = {name: int(suite.attrib[name]) for name in ("tests", "failures", "errors", "skipped")}
    failed = counts["failures"] + counts["errors"]
    passed = counts["tests"] - failed - counts["skipped"]
    return Outcome(
        line=f"{leg.name}: {passed} passed, {failed} failed, {counts['skipped']} skipped"
        f" in {float(suite.attrib['time']):.0f} s",
        is_good=status in (0, NO_TESTS_COLLECTED) and not failed,
        passed=passed,
        failed=failed,
        skipped=counts["skipped"],
    )


def _closing_line(outcomes: list[Outcome]) -> str:
    """The sum, alone on the last line, where tools look for it."""
    passed = sum(outcome.passed for outcome in outcomes)
    failed = sum(outcome.failed for outcome in outcomes)
    skipped = sum(outcome.skipped for outcome in outcomes)
    return f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else "")


if __name__ == "__main__":
    main()
