"""Rates, percentiles, lost and duplicated mails, from what was sent and what came."""

import pytest

from benchmarks.receiver import Arrival
from benchmarks.results import Percentiles, evaluate, percentiles
from benchmarks.sent import LoadResult, Sent

SECOND = 1_000_000_000
MILLISECOND = 1_000_000


def sent(number: int, *, code: int = 250) -> Sent:
    """Mail `number` starts in its second, is out 10 ms and answered 30 ms later."""
    start = number * SECOND
    dot_at, replied_at = start + 10 * MILLISECOND, start + 40 * MILLISECOND
    return Sent(f"b-run-{number}", "u0@bench.example", start, dot_at, replied_at, code, 1, 0)


def arrival(number: int, *, path: str = "/e/0", status: int = 200, run: str = "run") -> Arrival:
    at = number * SECOND + 100 * MILLISECOND
    return Arrival(at, path, "w", f"b-{run}-{number}", 1, status)


def load_result(*mails: Sent) -> LoadResult:
    return LoadResult(run="run", sent=list(mails), connection_errors=0, cpu_seconds=0.1)


def test_percentiles_are_values_that_occurred() -> None:
    values = [number * MILLISECOND for number in range(1, 101)]
    assert percentiles(reversed(values)) == Percentiles(p50=50, p95=95, p99=99)


def test_percentiles_of_one_value_are_that_value() -> None:
    assert percentiles([7 * MILLISECOND]) == Percentiles(p50=7, p95=7, p99=7)


def test_nothing_measured_has_no_percentiles() -> None:
    assert percentiles([]) is None


def test_rates_count_from_the_first_mail_to_the_last_event() -> None:
    figures = evaluate(load_result(sent(1), sent(2)), [arrival(1), arrival(2)])
    assert figures.accepted_per_second == pytest.approx(2 / 1.04)
    assert figures.delivered_per_second == pytest.approx(2 / 1.1)


def test_latencies_are_of_the_way_to_the_250_and_from_there() -> None:
    figures = evaluate(load_result(sent(1), sent(2)), [arrival(1), arrival(2)])
    assert figures.to_reply == Percentiles(p50=30, p95=30, p99=30)
    assert figures.to_receiver == Percentiles(p50=60, p95=60, p99=60)


def test_accepted_mail_that_never_came_is_lost() -> None:
    figures = evaluate(load_result(sent(1), sent(2), sent(3, code=451)), [arrival(1)])
    assert (figures.accepted, figures.refused, figures.lost) == (2, 1, 1)


def test_mail_that_was_answered_with_an_error_only_is_lost() -> None:
    assert evaluate(load_result(sent(1)), [arrival(1, status=500)]).lost == 1


def test_mail_that_came_twice_is_duplicated_and_its_first_arrival_counts() -> None:
    late = arrival(1)._replace(at=9 * SECOND)
    figures = evaluate(load_result(sent(1)), [arrival(1), late])
    assert figures.duplicated == 1
    assert figures.to_receiver == Percentiles(p50=60, p95=60, p99=60)


def test_mail_of_another_run_does_not_count() -> None:
    figures = evaluate(load_result(sent(1)), [arrival(1), *[arrival(7, run="warm")] * 2])
    assert (figures.lost, figures.duplicated) == (0, 0)


def test_mail_without_an_answer_is_neither_accepted_nor_refused() -> None:
    figures = evaluate(load_result(sent(1, code=0)), [])
    assert (figures.accepted, figures.refused, figures.unanswered, figures.lost) == (0, 0, 1, 0)
