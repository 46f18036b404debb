"""Results as a table for people and as JSON for programs."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.results import CaseResult, Percentiles

LEGEND = """\
Latencies are p50/p95/p99 in ms: end of data → 250, and 250 → receiver.
CPU in µs per mail and memory in MB: ingest, worker, database, broker. Memory is the peak of the
largest process for ingest and worker, and the sum of all processes for the servers.
× null and × commit: accepted mails against the references below."""


@dataclass(kw_only=True)
class Report:
    """Grows while the benchmark runs, so that an interrupted run still has something to show."""

    results: list[CaseResult] = field(default_factory=list)
    accept_rates: dict[tuple[int, int], float] = field(default_factory=dict)  # (size, connections)
    commit_rates: dict[str, float] = field(default_factory=dict)  # by database

    def render(self) -> str:
        rows = [[render(self, result) for _, render in COLUMNS] for result in self.results]
        table = _align([[title for title, _ in COLUMNS], *rows])
        return "\n".join([*table, "", LEGEND, "", *self._render_references()])

    def _render_references(self) -> list[str]:
        accepts = [
            f"bare aiosmtpd, {_size(size)}, {connections} connections: {rate:,.0f} mails/s"
            for (size, connections), rate in self.accept_rates.items()
        ]
        commits = [
            f"{database}, one row per commit: {rate:,.0f} commits/s"
            for database, rate in self.commit_rates.items()
        ]
        return [*accepts, *commits]

    def write(self, path: Path) -> None:
        """Rates per second, times in ms, CPU in µs per mail, memory in MB."""
        accepts = [
            {"size": size, "connections": connections, "rate": rate}
            for (size, connections), rate in self.accept_rates.items()
        ]
        content = {
            "results": [asdict(result) for result in self.results],
            "references": {"accept_rates": accepts, "commit_rates": self.commit_rates},
        }
        path.write_text(json.dumps(content, indent=2) + "\n")


def _load(_: Report, result: CaseResult) -> str:
    rate = result.case.rate
    return "full" if rate is None else f"{rate:g}/s"


def _cpu(_: Report, result: CaseResult) -> str:
    names = ("ingest", "worker", "database", "broker")
    return "/".join(_number(result.cpu_us.get(name)) for name in names)


def _memory(_: Report, result: CaseResult) -> str:
    memory = result.memory
    peaks = [memory[name].peak_mb for name in ("ingest", "worker")]
    sums = [memory[name].total_mb if name in memory else None for name in ("database", "broker")]
    return "/".join(_number(value) for value in (*peaks, *sums))


def _against_null(report: Report, result: CaseResult) -> str:
    reference = report.accept_rates.get((result.case.size, result.case.connections))
    return _ratio(result, reference)


def _against_commit(report: Report, result: CaseResult) -> str:
    return _ratio(result, report.commit_rates.get(result.case.database))


def _ratio(result: CaseResult, reference: float | None) -> str:
    if not reference or result.case.rate is not None:
        return "-"
    return f"{result.figures.accepted_per_second / reference:.2f}"


def _problems(_: Report, result: CaseResult) -> str:
    figures = result.figures
    return f"{figures.refused}/{figures.unanswered}/{figures.connection_errors}"


def _latency(values: Percentiles | None) -> str:
    if values is None:
        return "-"
    return f"{values.p50:.1f}/{values.p95:.1f}/{values.p99:.1f}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"


def _size(size: int) -> str:
    return f"{size / 1024:g} KB"


COLUMNS: Sequence[tuple[str, Callable[[Report, CaseResult], str]]] = (
    ("database", lambda _, result: result.case.database),
    ("size", lambda _, result: _size(result.case.size)),
    ("conns", lambda _, result: str(result.case.connections)),
    ("ends", lambda _, result: str(result.case.endpoints)),
    ("load", _load),
    ("accepted/s", lambda _, result: _number(result.figures.accepted_per_second)),
    ("delivered/s", lambda _, result: _number(result.figures.delivered_per_second)),
    ("→ 250", lambda _, result: _latency(result.figures.to_reply)),
    ("→ receiver", lambda _, result: _latency(result.figures.to_receiver)),
    ("CPU µs", _cpu),
    ("MB", _memory),
    ("lost", lambda _, result: str(result.figures.lost)),
    ("dup", lambda _, result: str(result.figures.duplicated)),
    ("refused/unanswered/broken", _problems),
    ("× null", _against_null),
    ("× commit", _against_commit),
)


def _align(rows: Sequence[Sequence[str]]) -> list[str]:
    """The first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if number else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
