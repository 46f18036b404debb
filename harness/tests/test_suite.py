"""`./dev test` tells what ran and what did not, and CI insists on its servers."""

import subprocess
import sys

import pytest

from harness.environment import bare_environment
from harness.processes import free_port

FAST_TESTS = "fastsmtp/tests/test_masking.py"


def run_suite(**variables: str) -> subprocess.CompletedProcess[str]:
    nowhere = f"127.0.0.1:{free_port()}"
    environment = {
        **bare_environment(),
        "FASTSMTP_TEST_POSTGRES_URL": f"postgresql://user:hidden@{nowhere}/name",
        "FASTSMTP_TEST_REDIS_URL": f"redis://{nowhere}",
        "FASTSMTP_TEST_MARIADB_URL": f"mysql://root@{nowhere}/test",
    }
    environment.pop("CI", None)
    return subprocess.run(
        [sys.executable, "-m", "harness.suite", "-n", "0", FAST_TESTS],
        env={**environment, **variables},
        capture_output=True,
        text=True,
        timeout=100,
    )


@pytest.mark.parametrize(("variables", "status"), [({}, 0), ({"CI": "true"}, 1)])
def test_absent_servers(variables: dict[str, str], status: int) -> None:
    result = run_suite(**variables)
    *_, sqlite, postgres, mariadb, closing = result.stdout.splitlines()
    assert result.returncode == status
    assert sqlite.startswith("SQLite and a local broker: ")
    assert postgres.startswith("PostgreSQL and Redis: ")
    assert ("NOT RUN" in postgres) == bool(status)
    assert mariadb.startswith("MariaDB and Redis: not run")
    passed, failed = closing.split(", ")
    assert passed.endswith(" passed")
    assert int(passed.split()[0]) > 0
    assert failed == "0 failed"
    assert "hidden" not in result.stdout
