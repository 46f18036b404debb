"""What rules cost: many of them on an ordinary mail, and slow patterns on the longest text.

No server takes part: one core. The mail is parsed before, and its bodies are made.
"""

import random
import statistics
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice

from benchmarks.mails import make_template
from benchmarks.progress import ProgressLine
from benchmarks.table import align
from fastsmtp.mail.message import parse
from rules.conditions import compile_condition
from rules.engine import CompiledRule, CompiledRuleSet, Result, evaluate_each
from rules.facts import Action, Facts
from rules.fields import MAX_TEXT_LENGTH

ROUNDS = 21
SLOW_ROUNDS = 3
LONGEST = MAX_TEXT_LENGTH  # characters
SHAPES = ((100, 1), (1_000, 1), (100, 100), (1_000, 100))  # rules, recipients

type Words = tuple[str, str, str]  # field, operator, value

ORDINARY: Sequence[Words] = (  # a number makes each of them another one
    ("subject", "contains", "refund {}"),
    ("from", "equals", "user{}@example.org"),
    ("to", "contains", "user{}"),
    ("header:X-Spam-{}", "exists", ""),
    ("body", "contains", "unsubscribe {}"),
    ("body", "matches", r"refund\s+{}\b"),
    ("recipient_tag", "equals", "tag{}"),
    ("attachment_name", "ends_with", ".ex{}"),
    ("size", "greater_than", "1{:06}"),
    ("envelope_from", "ends_with", "@m{}.example"),
)
# Their automata do not fit into the memory of a pattern, so RE2 goes on without.
SLOW_PATTERNS = ("[a-h].{50}[i-j].{50}QQ", ".{1,1000}Q")


@dataclass(frozen=True, kw_only=True)
class RulesResult:
    rules: str
    mail: str
    recipients: int
    milliseconds: float  # of CPU, for all recipients: a median


def run_rules(progress: ProgressLine) -> Iterator[RulesResult]:
    small = make_template(size=4096, recipient="u0@bench.example").render("b-abcdef-1")
    for rule_count, recipients in SHAPES:
        progress.show(f"{rule_count} rules × {recipients}")
        rulesets = _compile(make_ordinary(rule_count))
        yield RulesResult(
            rules=f"{rule_count:,} ordinary",
            mail="4 KB",
            recipients=recipients,
            milliseconds=_time(rulesets, _make_facts(small, recipients), ROUNDS),
        )
    longest = b"\r\n" + bytes(random.Random(LONGEST).choices(b"abcdefghijklmnop", k=LONGEST))
    for pattern in SLOW_PATTERNS:
        progress.show(pattern)
        rulesets = _compile([("body", "matches", pattern)])
        yield RulesResult(
            rules=pattern,
            mail=f"{LONGEST:,} characters",
            recipients=100,
            milliseconds=_time(rulesets, _make_facts(longest, 100), SLOW_ROUNDS),
        )


def render_rules(results: Sequence[RulesResult]) -> list[str]:
    if not results:
        return []
    rows = [
        [result.rules, result.mail, str(result.recipients), f"{result.milliseconds:.2f}"]
        for result in results
    ]
    return [*align([["rules", "mail", "recipients", "CPU ms"], *rows]), ""]


def make_ordinary(count: int) -> list[Words]:
    """Different ones; none matches, so that all are asked."""
    shapes = islice(cycle(ORDINARY), count)
    return [
        (field.format(number), operator, value.format(number))
        for number, (field, operator, value) in enumerate(shapes)
    ]


def _compile(conditions: Iterable[Words]) -> list[CompiledRuleSet]:
    rules = tuple(
        CompiledRule(
            id=uuid.uuid4(),
            name=f"{field} {operator} {value}",
            condition=compile_condition(field=field, operator=operator, value=value),
            action=Action.DROP,
        )
        for field, operator, value in conditions
    )
    return [CompiledRuleSet(name="bench", stop_on_match=False, rules=rules)]


def _make_facts(raw: bytes, recipients: int) -> list[Facts]:
    mail = parse(raw)
    assert mail.body_text  # made before the clock runs
    return [
        Facts(
            recipient=f"u{number}@bench.example",
            envelope_from="orders@load.example",
            subject=mail.subject,
            from_address=mail.from_address,
            size=len(raw),
            client_ip="192.0.2.17",
            dkim_result="pass",
            dkim_domain="load.example",
            spf_result="pass",
            spf_domain="load.example",
            mail=lambda: mail,
        )
        for number in range(recipients)
    ]


def _time(rulesets: Sequence[CompiledRuleSet], recipients: Sequence[Facts], rounds: int) -> float:
    measured = []
    for _ in range(rounds):
        start = time.process_time()
        evaluations = list(evaluate_each(rulesets, recipients))
        measured.append((time.process_time() - start) * 1000)
        steps = (step for evaluation in evaluations for step in evaluation.trace)
        assert all(step.result is Result.NOT_MATCHED for step in steps)
    return statistics.median(measured)
