"""Facts in, Verdict out, and a trace that says why. Nothing here asks anybody anything.

The semantics are written down, with a table of cases, in docs/rules.md.
"""

import logging
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from rules.conditions import Condition, compile_condition
from rules.facts import Action, CannotEvaluate, Facts, Verdict
from rules.values import InvalidCondition
from rules.view import View

log = logging.getLogger(__name__)

_SEVERITY = {Action.FORWARD: 0, Action.QUARANTINE: 1, Action.DROP: 2}


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class CompiledRule:
    """`name` is how a reason and a trace call it; `condition` is an error where a rule that was
    stored before its words were checked does not compile. Each is equal to itself only."""

    id: uuid.UUID
    name: str
    condition: Condition | InvalidCondition
    action: Action
    tags: tuple[str, ...] = ()
    webhook_url_override: str = ""
    preserve_raw: bool = False

    @property
    def is_of_message(self) -> bool:
        return isinstance(self.condition, InvalidCondition) or self.condition.is_of_message


@dataclass(frozen=True, kw_only=True, slots=True)
class CompiledRuleSet:
    """Its rules in order."""

    name: str
    stop_on_match: bool
    rules: tuple[CompiledRule, ...]


class Result(StrEnum):
    MATCHED = "matched"
    NOT_MATCHED = "not_matched"
    SKIPPED = "skipped"  # an earlier rule of its set matched
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Step:
    """What became of one rule. `seen` are the texts that it looked at, as it compared them; `error`
    goes to the log, and holds nothing of them."""

    rule: CompiledRule
    result: Result
    seen: tuple[str | bytes, ...] = ()
    error: str = ""


type Try = Callable[[CompiledRule], Step]


@dataclass(frozen=True, slots=True)
class Evaluation:
    verdict: Verdict
    trace: tuple[Step, ...] = ()

    @property
    def errors(self) -> Iterator[Step]:
        return (step for step in self.trace if step.result is Result.ERROR)


def evaluate(rulesets: Sequence[CompiledRuleSet], facts: Facts) -> Evaluation:
    """`rulesets` come in the order in which they are asked. Raises the outages of `facts`."""
    return next(evaluate_each(rulesets, [facts]))


def evaluate_each(
    rulesets: Sequence[CompiledRuleSet], recipients: Sequence[Facts]
) -> Iterator[Evaluation]:
    """For each recipient of one message, whose facts differ in nothing else: what does not depend
    on the recipient is read and answered once. Raises the outages of the facts."""
    views = [View(facts) for facts in recipients]
    try_once = cache(lambda rule: _try(rule, views[0]))
    for view in views:
        yield _evaluate(rulesets, view, try_once)


def _evaluate(rulesets: Sequence[CompiledRuleSet], view: View, try_once: Try) -> Evaluation:
    trace = tuple(step for ruleset in rulesets for step in _ask(ruleset, view, try_once))
    matches = [step.rule for step in trace if step.result is Result.MATCHED]
    return Evaluation(_decide(matches, tuple(view.tags)), trace)


def compile_or_keep_error(
    *, field: str, operator: str, value: str, case_sensitive: bool
) -> Condition | InvalidCondition:
    try:
        return compile_condition(
            field=field, operator=operator, value=value, case_sensitive=case_sensitive
        )
    except InvalidCondition as error:
        return error


def _ask(ruleset: CompiledRuleSet, view: View, try_once: Try) -> Iterator[Step]:
    is_over = False
    for rule in ruleset.rules:
        if is_over:
            yield Step(rule, Result.SKIPPED)
            continue
        step = try_once(rule) if rule.is_of_message else _try(rule, view)
        if step.result is Result.MATCHED:
            view.tags.update(dict.fromkeys(rule.tags))
            is_over = ruleset.stop_on_match
        yield step


def _try(rule: CompiledRule, view: View) -> Step:
    condition = rule.condition
    if isinstance(condition, InvalidCondition):
        return Step(rule, Result.ERROR, error=f"{condition.part}: {condition}")
    seen: tuple[str | bytes, ...] = ()
    try:
        seen = condition.look(view).seen
        result = Result.MATCHED if condition.holds(view) else Result.NOT_MATCHED
        return Step(rule, result, seen)
    except CannotEvaluate as error:
        return Step(rule, Result.ERROR, seen, str(error))
    except view.facts.outages:
        raise
    except Exception as error:
        # A fault of ours must not hold up the mail, which the other rules can judge.
        log.exception("rule “%s” cannot be evaluated", rule.name)
        return Step(rule, Result.ERROR, error=f"internal error ({type(error).__name__})")


def _decide(matches: Sequence[CompiledRule], tags: tuple[str, ...]) -> Verdict:
    if not matches:
        return Verdict()
    # Of equals, `max` takes the first.
    decisive = max(matches, key=lambda rule: _SEVERITY[rule.action])
    return Verdict(
        action=decisive.action,
        reason="" if decisive.action is Action.FORWARD else f"rule: {decisive.name}",
        tags=tags,
        webhook_url_override=next(
            (rule.webhook_url_override for rule in matches if rule.webhook_url_override), None
        ),
        preserve_raw=any(rule.preserve_raw for rule in matches),
    )
