"""Results as a table for people and as JSON for programs."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.backlog import BacklogResult, DueResult
from benchmarks.edge import EdgeResult
from benchmarks.edge_report import render_edge, render_idle
from benchmarks.idle import IdleResult
from benchmarks.isolation import IsolationResult
from benchmarks.isolation_report import render_backlog, render_due, render_isolation
from benchmarks.reading import ReadingResult
from benchmarks.results import CaseResult
from benchmarks.rules import RulesResult, render_rules
from benchmarks.table import align, show_latency, show_number, show_size

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
    edge: list[EdgeResult] = field(default_factory=list)
    idle: list[IdleResult] = field(default_factory=list)
    reading: list[ReadingResult] = field(default_factory=list)
    rules: list[RulesResult] = field(default_factory=list)
    isolation: list[IsolationResult] = field(default_factory=list)
    backlog: list[BacklogResult] = field(default_factory=list)
    due: list[DueResult] = field(default_factory=list)

    def render(self) -> str:
        parts = (
            self._render_floods(),
            render_edge(self.edge),
            render_idle(self.idle),
            self._render_reading(),
            render_rules(self.rules),
            render_isolation(self.isolation),
            render_backlog(self.backlog),
            render_due(self.due),
        )
        return "\n".join(line for part in parts for line in part)

    def _render_floods(self) -> list[str]:
        if not self.results:
            return []
        rows = [[render(self, result) for _, render in COLUMNS] for result in self.results]
        table = align([[title for title, _ in COLUMNS], *rows])
        return [*table, "", LEGEND, "", *self._render_references(), ""]

    def _render_reading(self) -> list[str]:
        if not self.reading:
            return []
        titles = ["mail", "fields that were made", "CPU ms", "MB", "MB beside it"]
        rows = [
            [
                result.mail,
                result.fields,
                f"{result.milliseconds:.3f}",
                f"{result.size_mb:.3f}",
                "-" if result.peak_mb is None else f"{result.peak_mb:.1f}",
            ]
            for result in self.reading
        ]
        return [*align([titles, *rows]), ""]

    def _render_references(self) -> list[str]:
        accepts = [
            f"bare aiosmtpd, {show_size(size)}, {connections} connections: {rate:,.0f} mails/s"
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
            "edge": [{**asdict(result), "ratio": result.dead.ratio} for result in self.edge],
            "reading": [asdict(result) for result in self.reading],
            "rules": [asdict(result) for result in self.rules],
            "isolation": [asdict(result) for result in self.isolation],
            "backlog": [asdict(result) for result in self.backlog],
            "due": [asdict(result) for result in self.due],
            "idle": [{**asdict(result), "kb_each": result.kb_each} for result in self.idle],
        }
        path.write_text(json.dumps(content, indent=2) + "\n")


def _load(_: Report, result: CaseResult) -> str:
    rate = result.case.rate
    return "full" if rate is None else f"{rate:g}/s"


def _cpu(_: Report, result: CaseResult) -> str:
    names = ("ingest", "worker", "database", "broker")
    return "/".join(show_number(result.cpu_us.get(name)) for name in names)


def _memory(_: Report, result: CaseResult) -> str:
    memory = result.memory
    peaks = [memory[name].peak_mb for name in ("ingest", "worker")]
    sums = [memory[name].total_mb if name in memory else None for name in ("database", "broker")]
    return "/".join(show_number(value) for value in (*peaks, *sums))


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


COLUMNS: Sequence[tuple[str, Callable[[Report, CaseResult], str]]] = (
    ("database", lambda _, result: result.case.database),
    ("size", lambda _, result: show_size(result.case.size)),
    ("conns", lambda _, result: str(result.case.connections)),
    ("ends", lambda _, result: str(result.case.endpoints)),
    ("load", _load),
    ("accepted/s", lambda _, result: show_number(result.figures.accepted_per_second)),
    ("delivered/s", lambda _, result: show_number(result.figures.delivered_per_second)),
    ("→ 250", lambda _, result: show_latency(result.figures.to_reply)),
    ("→ receiver", lambda _, result: show_latency(result.figures.to_receiver)),
    ("CPU µs", _cpu),
    ("MB", _memory),
    ("lost", lambda _, result: str(result.figures.lost)),
    ("dup", lambda _, result: str(result.figures.duplicated)),
    ("refused/unanswered/broken", _problems),
    ("× null", _against_null),
    ("× commit", _against_commit),
)
