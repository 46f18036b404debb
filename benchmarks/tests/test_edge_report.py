"""The tables of the edge show what was measured, and say when a row is worth nothing."""

from dataclasses import replace

from benchmarks.edge import DeadResolver, EdgeResult
from benchmarks.idle import IdleResult
from benchmarks.report import Report
from benchmarks.results import CaseResult, Percentiles
from benchmarks.tests.test_report import make_report

(RESULT,) = make_report().results


def row(report: Report, title: str) -> list[str]:
    """The first row below the titles that begin with `title`."""
    lines = report.render().splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith(title))
    return lines[at + 1].split()


def make_edge(*, verified: int) -> EdgeResult:
    figures = replace(RESULT.figures, accepted=1000, lost=0, verified=verified)
    case = CaseResult(case=RESULT.case, figures=figures, cpu_us=RESULT.cpu_us, memory=RESULT.memory)
    dead = DeadResolver(
        250.0, [10.0, 12.0], [12.0, 13.0], Percentiles(p50=5000, p95=5010, p99=5020)
    )
    return EdgeResult(flood=case, half=case, dead=dead)


def test_a_row_of_verified_mail() -> None:
    shown = row(Report(edge=[make_edge(verified=1000)]), "database")
    assert shown == [
        *("sqlite", "4", "KB", "10", "full", "2000", "1.2/2.5/4.0", "200", "81", "0", "2/1/4"),
        *("1000", "of", "1000"),
    ]


def test_mail_that_was_not_verified_makes_a_row_void() -> None:
    shown = row(Report(edge=[make_edge(verified=999)]), "database")
    assert shown[-4:] == ["VOID:", "999", "of", "1000"]


def test_dead_name_servers_are_a_ratio_of_medians() -> None:
    lines = Report(edge=[make_edge(verified=1000)]).render().splitlines()
    (shown,) = [line.split() for line in lines if "5000.0/5010.0/5020.0" in line]
    assert shown == ["sqlite", "250/s", "11.0", "12.5", "1.14", "5000.0/5010.0/5020.0"]


def test_idle_connections_have_a_size() -> None:
    idle = IdleResult(
        kind="plain",
        connections=5000,
        tried=5000,
        before_mb=100,
        peak_mb=300,
        accepted=100,
        to_reply=None,
    )
    shown = row(Report(idle=[idle]), "idle")
    assert shown == ["plain", "5000", "of", "5000", "100", "300", "41.0", "100", "of", "100", "-"]
