"""The tables of isolation and of backlogs show what was measured."""

from benchmarks.backlog import BacklogResult, DueResult, Shape
from benchmarks.isolation_report import render_backlog, render_due, render_isolation


def make_backlog(*, endpoints: int, per_second: float) -> BacklogResult:
    shape = Shape(name="some", endpoints=endpoints, mails=1000)
    return BacklogResult(database="postgresql", shape=shape, arrived=999, per_second=per_second)


def test_a_backlog_is_compared_with_that_of_one_endpoint() -> None:
    results = [
        make_backlog(endpoints=1, per_second=1000.0),
        make_backlog(endpoints=50, per_second=800.0),
    ]
    _, one, many, *_ = (line.split() for line in render_backlog(results))
    assert one == ["postgresql", "some", "1000", "1", "999", "1000", "1.00"]
    assert many == ["postgresql", "some", "1000", "50", "999", "800", "0.80"]


def test_without_that_there_is_nothing_to_compare() -> None:
    _, row, *_ = render_backlog([make_backlog(endpoints=50, per_second=800.0)])
    assert row.split()[-1] == "-"


def test_every_step_has_a_row() -> None:
    result = DueResult(
        database="sqlite", rows=1000, lanes=10, steps={"find": 1.234, "list exhausted": 20.0}
    )
    rows = [line.split() for line in render_due([result])]
    assert rows[1] == ["sqlite", "1000", "10", "find", "1.23"]
    assert rows[2] == ["sqlite", "1000", "10", "list", "exhausted", "20.00"]


def test_what_was_not_measured_has_no_table() -> None:
    assert render_isolation([]) == render_backlog([]) == render_due([]) == []
