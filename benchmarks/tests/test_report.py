"""The table has one row for each case; the file has every figure."""

import json
from pathlib import Path

from benchmarks.report import Report
from benchmarks.results import Case, CaseResult, Figures, Percentiles
from benchmarks.usage import Usage

FIGURES = Figures(
    sent=1003,
    accepted=1000,
    refused=2,
    unanswered=1,
    connection_errors=4,
    accepted_per_second=2000.0,
    delivered_per_second=1600.0,
    to_reply=Percentiles(p50=1.25, p95=2.5, p99=4.0),
    to_receiver=None,
    lost=5,
    duplicated=6,
    verified=0,
)
MEMORY = {
    "ingest": Usage(cpu_seconds=1, peak_mb=81, total_mb=80),
    "worker": Usage(cpu_seconds=1, peak_mb=92, total_mb=90),
    "broker": Usage(cpu_seconds=1, peak_mb=13, total_mb=12),
}


def make_report() -> Report:
    case = Case(database="sqlite", size=4096, connections=10, endpoints=50)
    cpu = {"ingest": 200.4, "worker": 210.0, "broker": 15.0}
    result = CaseResult(case=case, figures=FIGURES, cpu_us=cpu, memory=MEMORY)
    return Report(
        results=[result],
        accept_rates={(4096, 10): 2500.0},
        commit_rates={"sqlite": 1000.0},
    )


def test_a_row_shows_the_figures_of_its_case() -> None:
    titles, row, *_ = make_report().render().splitlines()
    assert titles.split()[:5] == ["database", "size", "conns", "ends", "load"]
    assert row.split() == [
        *("sqlite", "4", "KB", "10", "50", "full", "2000", "1600"),
        *("1.2/2.5/4.0", "-", "200/210/-/15", "81/92/-/12", "5", "6", "2/1/4", "0.80", "2.00"),
    ]


def test_references_stand_below() -> None:
    text = make_report().render()
    assert "bare aiosmtpd, 4 KB, 10 connections: 2,500 mails/s" in text
    assert "sqlite, one row per commit: 1,000 commits/s" in text


def test_an_interrupted_run_has_rows_without_references() -> None:
    report = Report(results=make_report().results)
    assert report.render().splitlines()[1].split()[-2:] == ["-", "-"]


def test_columns_are_aligned() -> None:
    titles, row, *_ = make_report().render().splitlines()
    assert len(titles) == len(row)


def test_the_file_has_every_figure(tmp_path: Path) -> None:
    make_report().write(tmp_path / "bench.json")
    content = json.loads((tmp_path / "bench.json").read_text())
    (result,) = content["results"]
    assert result["case"]["endpoints"] == 50
    assert result["figures"]["to_reply"]["p95"] == 2.5
    assert result["memory"]["worker"]["peak_mb"] == 92
    assert content["references"]["accept_rates"] == [
        {"size": 4096, "connections": 10, "rate": 2500}
    ]
