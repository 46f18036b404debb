"""A small case from end to end, with the product and all instruments in their own processes."""

from pathlib import Path

from benchmarks.cases import run_case
from benchmarks.results import Case


def test_a_case_counts_every_mail_from_the_client_to_the_webhook(tmp_path: Path) -> None:
    case = Case(database="sqlite", size=4096, connections=2, endpoints=3)
    steps: list[str] = []
    result = run_case(case, seconds=30, count=30, folder=tmp_path, progress=steps.append)
    figures = result.figures
    assert (figures.sent, figures.accepted, figures.lost, figures.duplicated) == (30, 30, 0, 0)
    assert figures.to_reply is not None
    assert figures.to_receiver is not None
    assert result.memory["worker"].peak_mb > 1
    assert set(result.cpu_us) >= {"ingest", "worker", "broker", "load", "receiver"}
    assert steps[0] == "starting"
