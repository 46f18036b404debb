"""Small backlogs from end to end: one arrives, in the other every step and list is timed."""

from pathlib import Path

import pytest

from benchmarks import backlog
from benchmarks.backlog import run_backlog, run_due
from harness.servers import ServerNotFound, find_postgres_programs


@pytest.fixture
def database() -> str:
    try:
        find_postgres_programs()
    except ServerNotFound:
        return "sqlite"
    return "postgresql"


def test_a_backlog_is_worked_off(tmp_path: Path, database: str) -> None:
    results = run_backlog(database=database, mails=30, folder=tmp_path, progress=lambda _: None)
    result = next(results)
    assert (result.shape.endpoints, result.arrived) == (1, 30)
    assert result.per_second > 0


def test_every_step_and_list_is_timed(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog, "LANES", 20)
    steps: list[str] = []
    result = run_due(database=database, rows=200, folder=tmp_path, progress=steps.append)
    assert (result.rows, result.lanes) == (200, 20)
    assert {"claim 128 of one lane", "list exhausted", "admin: deliveries"} <= set(result.steps)
    assert any("old transaction" in name for name in result.steps) == (database == "postgresql")
    assert all(milliseconds > 0 for milliseconds in result.steps.values())
    assert "filling 200 rows" in steps
