"""What docs/rules.md promises, row by row."""

import re
from uuid import UUID

import pytest

from rules.conditions import OPERATORS, Condition, compile_condition
from rules.engine import CompiledRule, CompiledRuleSet, evaluate
from rules.facts import Action, CannotEvaluate, Facts
from rules.fields import find_field
from rules.tests.cut_mails import CUT_MAILS
from rules.tests.documented import read_mail, read_table, unquote
from rules.tests.facts import make_facts
from rules.values import InvalidCondition
from rules.view import View

_SET = re.compile(r"`(stop|go)( [^`]*)?`")
_RULE = re.compile(
    r"(?P<doubt>[!(]?)(?P<action>\w+)(@(?P<url>\w+))?(?P<tags>(\+\w+)*)\)?\Z", re.ASCII
)


@pytest.fixture(scope="module")
def documented_mail() -> Facts:
    ours = b"Authentication-Results: mx.example.com; dkim=pass; spf=fail\r\n"
    return make_facts(
        ours + read_mail(),
        recipient="support+TICKET-7@example.com",
        envelope_from="bounce@news.example.org",
        client_ip="192.0.2.7",
        dkim_result="pass",
        dkim_domain="xn--bcher-kva.example",
        spf_result="fail",
        spf_domain="news.example.org",
    )


@pytest.mark.parametrize("row", read_table("Cases of one condition"), ids=" ".join)
def test_one_condition(row: list[str], documented_mail: Facts) -> None:
    field, operator, value, case, expected = map(unquote, row)
    condition = compile_condition(
        field=field, operator=operator, value=value, case_sensitive=case == "sensitive"
    )
    _check(condition, documented_mail, expected)


@pytest.fixture(scope="module")
def cut_mails() -> dict[str, Facts]:
    return {cut: make_facts(raw) for cut, raw in CUT_MAILS.items()}


@pytest.mark.parametrize("row", read_table("Cases of a cut mail"), ids=" ".join)
def test_a_cut_mail(row: list[str], cut_mails: dict[str, Facts]) -> None:
    cut, field, operator, value, expected = map(unquote, row)
    condition = compile_condition(field=field, operator=operator, value=value)
    _check(condition, cut_mails[cut], expected)


def _check(condition: Condition, facts: Facts, expected: str) -> None:
    if expected == "error":
        with pytest.raises(CannotEvaluate):
            condition.holds(View(facts))
    else:
        assert condition.holds(View(facts)) is {"yes": True, "no": False}[expected]


def test_every_operator_meets_every_cut() -> None:
    rows = [list(map(unquote, row)) for row in read_table("Cases of a cut mail")]
    for cut, field in (
        ("headers", "header:X-Label"),
        ("header", "header:X-Label"),
        ("body", "body"),
        ("parts", "attachment_count"),
        ("parts", "attachment_name"),
        ("parts", "attachment_type"),
        ("parts", "has_attachment"),
    ):
        shown = {row[2] for row in rows if row[:2] == [cut, field]}
        numbers = {"greater_than", "less_than"} if cut == "headers" else set()
        fitting = OPERATORS[find_field(field).kind] - {"regex"} - numbers
        assert shown == fitting, (cut, field)


@pytest.mark.parametrize("row", read_table("Refused when saved"), ids=" ".join)
def test_refused_when_saved(row: list[str]) -> None:
    field, operator, value, part = map(unquote, row)
    with pytest.raises(InvalidCondition) as refusal:
        compile_condition(field=field, operator=operator, value=value)
    assert refusal.value.part == part


@pytest.mark.parametrize("row", read_table("Cases of many rules"), ids=" ".join)
def test_many_rules(row: list[str]) -> None:
    sets, verdict, by_rule, tags, url = row
    evaluation = evaluate(_compile_sets(sets), make_facts())
    assert evaluation.verdict.action is Action(verdict)
    assert evaluation.verdict.reason == (f"rule: {by_rule}" if by_rule else "")
    assert evaluation.verdict.tags == tuple(tags.split())
    assert evaluation.verdict.webhook_url_override == (url or None)
    assert len(list(evaluation.errors)) == sets.count("!")


def _compile_sets(text: str) -> list[CompiledRuleSet]:
    sets = _SET.findall(text)
    assert bool(sets) is bool(text)
    numbers = iter(range(1, 100))
    return [
        CompiledRuleSet(
            name=text,
            stop_on_match=kind == "stop",
            rules=tuple(_compile_rule(rule, next(numbers)) for rule in rules.split()),
        )
        for kind, rules in sets
    ]


def _compile_rule(text: str, number: int) -> CompiledRule:
    rule = _RULE.match(text)
    assert rule is not None, text
    conditions = {
        "": compile_condition(field="recipient", operator="exists", value=""),
        "(": compile_condition(field="cc", operator="exists", value=""),
        "!": compile_condition(field="header:From", operator="less_than", value="5"),
    }
    return CompiledRule(
        id=UUID(int=number),
        name=str(number),
        condition=conditions[rule["doubt"]],
        action=Action.FORWARD if rule["action"] == "tag" else Action(rule["action"]),
        tags=tuple(rule["tags"].split("+")[1:]),
        webhook_url_override=rule["url"] or "",
    )
