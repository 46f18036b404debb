"""The tables of isolation and of backlogs."""

from collections.abc import Sequence
from statistics import median

from benchmarks.backlog import BacklogResult, DueResult
from benchmarks.isolation import IsolationResult
from benchmarks.table import align, show_latency, show_number

ISOLATION_TITLES = (
    *("database", "trouble", "250 → receiver alone", "beside it"),
    *("p95 later by", "delivered/s alone", "beside it", "lost"),
)
ISOLATION_LEGEND = """\
The same load of fresh mail to healthy endpoints, alone and beside trouble: p50/p95/p99 in ms,
medians of the rounds. What was beside it:"""

BACKLOG_TITLES = ("database", "backlog", "mails", "endpoints", "arrived", "delivered/s", "× one")
BACKLOG_LEGEND = """\
A backlog that is worked off by one worker process, from the first arrival to the last. × one:
against the same number of mails for one endpoint."""


def render_isolation(results: Sequence[IsolationResult]) -> list[str]:
    if not results:
        return []
    told = [f"{result.database}, {result.name}: {result.trouble}" for result in results]
    return [
        *align([ISOLATION_TITLES, *map(_isolation_row, results)]),
        "",
        ISOLATION_LEGEND,
        *told,
        "",
    ]


def _isolation_row(result: IsolationResult) -> list[str]:
    alone, beside = result.middle(result.alone), result.middle(result.beside)
    return [
        result.database,
        result.name,
        show_latency(alone),
        show_latency(beside),
        f"{beside.p95 - alone.p95:.1f}" if alone and beside else "-",
        show_number(median(figures.delivered_per_second for figures in result.alone)),
        show_number(median(figures.delivered_per_second for figures in result.beside)),
        str(sum(figures.lost for figures in (*result.alone, *result.beside))),
    ]


def render_backlog(results: Sequence[BacklogResult]) -> list[str]:
    if not results:
        return []
    one = {result.database: result.per_second for result in results if result.shape.endpoints == 1}
    rows = [
        [
            result.database,
            result.shape.name,
            str(result.shape.mails),
            str(result.shape.endpoints),
            str(result.arrived),
            show_number(result.per_second),
            f"{result.per_second / one[result.database]:.2f}" if one.get(result.database) else "-",
        ]
        for result in results
    ]
    return [*align([BACKLOG_TITLES, *rows]), "", BACKLOG_LEGEND, ""]


def render_due(results: Sequence[DueResult]) -> list[str]:
    if not results:
        return []
    rows = [
        [result.database, str(result.rows), str(result.lanes), step, f"{milliseconds:.2f}"]
        for result in results
        for step, milliseconds in result.steps.items()
    ]
    return [*align([("database", "rows due", "lanes", "step", "ms"), *rows]), ""]
