"""The tables of the SMTP edge: verification, dead name servers, idle connections."""

from collections.abc import Sequence
from statistics import median

from benchmarks.edge import ROUNDS, WAITING_SESSIONS, DeadResolver, EdgeResult
from benchmarks.idle import MAILS, IdleResult
from benchmarks.results import CaseResult
from benchmarks.table import align, show_latency, show_number, show_size

VERIFIED_TITLES = (
    *("database", "size", "conns", "load", "accepted/s", "→ 250", "CPU µs", "MB"),
    *("lost", "refused/unanswered/broken", "verified"),
)
VERIFIED_LEGEND = """\
Verified mail: one RSA-2048 signature and SPF with an include, DNS by a process on this machine.
Latency is p50/p95/p99 in ms, CPU µs per mail and MB at the peak are those of ingest. A row is VOID
unless every accepted mail came with `pass` for both."""

DEAD_TITLES = ("database", "load", "p99 without", "p99 with", "ratio", "→ 250 of those that wait")
DEAD_LEGEND = f"""\
Dead name server: {WAITING_SESSIONS} sessions send mail whose domains never answer. p99 of the 250
of the other sessions in ms: medians of {ROUNDS} phases without and {ROUNDS} with them, in turns."""

IDLE_TITLES = ("idle", "conns", "MB before", "MB at peak", "KB each", "accepted", "→ 250")
IDLE_LEGEND = f"""\
Idle connections after EHLO: memory of the ingest process (resident, the kernel's peak), and the
{MAILS} mails that were sent meanwhile."""


def render_edge(results: Sequence[EdgeResult]) -> list[str]:
    if not results:
        return []
    cases = [case for result in results for case in (result.flood, result.half)]
    verified = [VERIFIED_TITLES, *map(_verified_row, cases)]
    dead = [
        DEAD_TITLES,
        *(_dead_row(result.flood.case.database, result.dead) for result in results),
    ]
    return [*align(verified), "", VERIFIED_LEGEND, "", *align(dead), "", DEAD_LEGEND, ""]


def render_idle(results: Sequence[IdleResult]) -> list[str]:
    if not results:
        return []
    return [*align([IDLE_TITLES, *map(_idle_row, results)]), "", IDLE_LEGEND, ""]


def _verified_row(result: CaseResult) -> list[str]:
    case, figures = result.case, result.figures
    is_void = figures.verified != figures.accepted - figures.lost
    share = f"{figures.verified} of {figures.accepted}"
    return [
        case.database,
        show_size(case.size),
        str(case.connections),
        "full" if case.rate is None else f"{case.rate:.0f}/s",
        show_number(figures.accepted_per_second),
        show_latency(figures.to_reply),
        show_number(result.cpu_us["ingest"]),
        show_number(result.memory["ingest"].peak_mb),
        str(figures.lost),
        f"{figures.refused}/{figures.unanswered}/{figures.connection_errors}",
        f"VOID: {share}" if is_void else share,
    ]


def _dead_row(database: str, dead: DeadResolver) -> list[str]:
    return [
        database,
        f"{dead.rate:.0f}/s",
        f"{median(dead.without):.1f}",
        f"{median(dead.with_waiting):.1f}",
        f"{dead.ratio:.2f}",
        show_latency(dead.waits),
    ]


def _idle_row(result: IdleResult) -> list[str]:
    return [
        result.kind,
        f"{result.connections} of {result.tried}",
        show_number(result.before_mb),
        show_number(result.peak_mb),
        f"{result.kb_each:.1f}",
        f"{result.accepted} of {MAILS}",
        show_latency(result.to_reply),
    ]
