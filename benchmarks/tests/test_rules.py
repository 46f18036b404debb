"""The rows of the rules say how many were asked, and that all of them were."""

import pytest

from benchmarks import rules
from benchmarks.progress import ProgressLine
from benchmarks.report import Report
from rules.conditions import compile_condition


def test_every_shape_and_every_slow_pattern_has_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "LONGEST", 1_000)
    monkeypatch.setattr(rules, "ROUNDS", 1)
    monkeypatch.setattr(rules, "SLOW_ROUNDS", 1)
    report = Report(rules=list(rules.run_rules(ProgressLine("rules"))))
    assert len(report.rules) == len(rules.SHAPES) + len(rules.SLOW_PATTERNS)
    assert all(result.milliseconds > 0 for result in report.rules)
    shown = report.render()
    assert "1,000 ordinary" in shown
    assert rules.SLOW_PATTERNS[0] in shown


def test_no_rule_is_there_twice() -> None:
    conditions = rules.make_ordinary(1_000)
    assert len(set(conditions)) == 1_000
    for field, operator, value in conditions:
        compile_condition(field=field, operator=operator, value=value)
