"""As many connections as are configured find room, or the log says why not."""

import resource
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from accounts.models import Domain
from fastsmtp.open_files import OTHERS
from ingest.tests.running import ServerProcess


@pytest.fixture
def hard_limit() -> Iterator[int]:
    """Children begin with 256 open files, as on some systems, and may have so many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_the_limit_is_raised_as_far_as_connections_need(
    domain: Domain, tmp_path: Path, hard_limit: int
) -> None:
    with ServerProcess(tmp_path, smtp_max_connections=1000) as server:
        limit, _ = psutil.Process(server.process.pid).rlimit(psutil.RLIMIT_NOFILE)
        assert limit == 1000 + OTHERS
        assert "files may be open" not in server.log()


def test_a_hard_limit_that_is_too_low_is_told(
    domain: Domain, tmp_path: Path, hard_limit: int
) -> None:
    with ServerProcess(tmp_path, smtp_max_connections=hard_limit) as server:
        limit, _ = psutil.Process(server.process.pid).rlimit(psutil.RLIMIT_NOFILE)
        assert limit == hard_limit
        assert (
            f"Only {hard_limit} files may be open, which is too few for"
            f" FASTSMTP_SMTP_MAX_CONNECTIONS={hard_limit}: {hard_limit + OTHERS} are needed"
        ) in server.log()
