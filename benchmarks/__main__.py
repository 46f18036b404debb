"""`./dev bench`: floods a fresh installation for every case and prints one table.

Servers, folders and databases are temporary; TMPDIR chooses the disk, which should be a real one.
"""

import argparse
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

from benchmarks.backlog import BacklogResult, DueResult, run_backlog, run_due
from benchmarks.cases import run_case
from benchmarks.edge import EdgeResult, run_edge
from benchmarks.idle import IdleResult, run_idle
from benchmarks.isolation import IsolationResult, run_isolation
from benchmarks.progress import ProgressLine
from benchmarks.reading import run_reading
from benchmarks.references import measure_accept_rate, measure_commit_rate
from benchmarks.report import Report
from benchmarks.results import Case, CaseResult
from benchmarks.rules import run_rules
from harness.processes import ProcessFailed
from harness.servers import ServerNotFound
from harness.stack import CommandFailed

PARTS = ["floods", "edge", "idle", "reading", "rules", "isolation", "backlog"]
QUICK = {"size": [4096], "connections": [10], "endpoints": [1], "seconds": 3.0}


def main() -> None:
    arguments = _parse()
    # As Ctrl-C does it: end every process, remove every folder, show what was measured so far.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    report = Report()
    try:
        if "floods" in arguments.only:
            for case in _make_cases(arguments):
                report.results.append(_run(case, arguments))
            _measure_references(report, arguments)
        if "edge" in arguments.only:
            for database in arguments.database:
                report.edge.append(_run_edge(database, arguments))
        if "idle" in arguments.only:
            for idle in _run_idle(arguments):
                report.idle.append(idle)
        if "reading" in arguments.only:
            line = ProgressLine("reading mail")
            report.reading += run_reading(line)
            line.finish("done")
        if "rules" in arguments.only:
            line = ProgressLine("asking rules")
            report.rules += run_rules(line)
            line.finish("done")
        if "isolation" in arguments.only:
            for database in arguments.database:
                report.isolation.extend(_run_isolation(database, arguments))
        if "backlog" in arguments.only:
            for database in arguments.database:
                report.backlog.extend(_run_backlog(database, arguments))
                report.due.append(_run_due(database, arguments))
    except (ProcessFailed, CommandFailed, ServerNotFound, TimeoutError) as error:
        sys.exit(f"\nThe benchmark stopped: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        print(report.render())
        if arguments.json:
            report.write(arguments.json)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__)
    parser.add_argument(
        "--database",
        nargs="+",
        choices=["sqlite", "postgresql"],
        default=["sqlite", "postgresql"],
    )
    parser.add_argument("--size", nargs="+", type=int, default=[4096, 102400], help="bytes")
    parser.add_argument("--connections", nargs="+", type=int, default=[1, 10, 50])
    parser.add_argument("--endpoints", nargs="+", type=int, default=[1, 50])
    parser.add_argument("--seconds", type=float, default=10.0, help="how long to flood")
    parser.add_argument("--count", type=int, help="mails for each case, instead of --seconds")
    parser.add_argument(
        "--low-rate", type=float, default=20.0, help="mails per second of the quiet case; 0: none"
    )
    parser.add_argument(
        "--only",
        nargs="+",
        choices=PARTS,
        help="floods: mail that is not verified, in many shapes; edge: DKIM, SPF and dead name"
        " servers; idle: thousands of idle connections; reading: the parser alone; rules:"
        " their engine alone; isolation: healthy endpoints beside trouble; backlog: how fast it is"
        " worked off; default: all, with --quick floods",
    )
    parser.add_argument("--backlog", type=int, default=20_000, help="mails that wait")
    parser.add_argument("--rows", type=int, default=1_000_000, help="due rows to find some in")
    parser.add_argument("--quick", action="store_true", help="one short case for each database")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there too")
    arguments = parser.parse_args()
    arguments.only = arguments.only or (["floods"] if arguments.quick else PARTS)
    if arguments.quick:
        vars(arguments).update(QUICK)
    return arguments


def _make_cases(arguments: argparse.Namespace) -> Iterator[Case]:
    """The floods of a database, then its quiet case."""
    for database in arguments.database:
        shapes = product(arguments.size, arguments.connections, arguments.endpoints)
        for size, connections, endpoints in shapes:
            yield Case(database=database, size=size, connections=connections, endpoints=endpoints)
        if arguments.low_rate:
            yield Case(
                database=database,
                size=arguments.size[0],
                connections=1,
                endpoints=1,
                rate=arguments.low_rate,
            )


@contextmanager
def _stage(title: str) -> Iterator[tuple[ProgressLine, Path]]:
    """A line that tells how it goes on, and a folder for as long."""
    with tempfile.TemporaryDirectory(prefix="fastsmtp-bench-") as folder:
        yield ProgressLine(title), Path(folder)


def _run(case: Case, arguments: argparse.Namespace) -> CaseResult:
    pace = f"{case.rate:g}/s" if case.rate else "full speed"
    title = (
        f"{case.database}, {case.size} bytes, {case.connections} connections, "
        f"{case.endpoints} endpoints, {pace}"
    )
    with _stage(title) as (line, folder):
        result = run_case(
            case,
            seconds=arguments.seconds,
            count=arguments.count,
            folder=folder,
            progress=line.show,
        )
    figures = result.figures
    line.finish(
        f"{figures.accepted_per_second:.0f} accepted/s, "
        f"{figures.delivered_per_second:.0f} delivered/s, {figures.lost} lost"
    )
    return result


def _run_edge(database: str, arguments: argparse.Namespace) -> EdgeResult:
    size, seconds = arguments.size[0], arguments.seconds
    with _stage(f"{database}, {size} bytes, verified") as (line, folder):
        result = run_edge(
            database=database, size=size, seconds=seconds, folder=folder, progress=line.show
        )
    rate, ratio = result.flood.figures.accepted_per_second, result.dead.ratio
    line.finish(f"{rate:.0f} accepted/s, p99 × {ratio:.2f} beside dead name servers")
    return result


def _run_idle(arguments: argparse.Namespace) -> Iterator[IdleResult]:
    database = arguments.database[0]
    with _stage("idle connections") as (line, folder):
        for result in run_idle(database=database, folder=folder, progress=line.show):
            line.finish(f"{result.connections} {result.kind}, {result.peak_mb:.0f} MB")
            yield result


def _run_isolation(database: str, arguments: argparse.Namespace) -> Iterator[IsolationResult]:
    seconds = arguments.seconds
    with _stage(f"{database}, isolation") as (line, folder):
        for result in run_isolation(
            database=database, seconds=seconds, folder=folder, progress=line.show
        ):
            line.finish(f"{result.name}: {result.trouble}")
            yield result


def _run_backlog(database: str, arguments: argparse.Namespace) -> Iterator[BacklogResult]:
    mails = arguments.backlog
    with _stage(f"{database}, backlog") as (line, folder):
        for result in run_backlog(
            database=database, mails=mails, folder=folder, progress=line.show
        ):
            line.finish(f"{result.shape.name}: {result.per_second:.0f} delivered/s")
            yield result


def _run_due(database: str, arguments: argparse.Namespace) -> DueResult:
    rows = arguments.rows
    with _stage(f"{database}, finding what is due") as (line, folder):
        result = run_due(database=database, rows=rows, folder=folder, progress=line.show)
    line.finish(f"{rows} rows")
    return result


def _measure_references(report: Report, arguments: argparse.Namespace) -> None:
    seconds = min(arguments.seconds, 5.0)
    with tempfile.TemporaryDirectory(prefix="fastsmtp-bench-") as name:
        folder = Path(name)
        for size, connections in product(arguments.size, arguments.connections):
            line = ProgressLine(f"bare aiosmtpd, {size} bytes, {connections} connections")
            line.show("flooding")
            rate = measure_accept_rate(
                size=size, connections=connections, seconds=seconds, folder=folder
            )
            line.finish(f"{rate:.0f} accepted/s")
            report.accept_rates[size, connections] = rate
        for database in arguments.database:
            line = ProgressLine(f"{database}, one row per commit")
            line.show("writing")
            rate = measure_commit_rate(database=database, seconds=seconds, folder=folder)
            line.finish(f"{rate:.0f} commits/s")
            report.commit_rates[database] = rate


if __name__ == "__main__":
    main()
