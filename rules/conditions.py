"""Conditions, compiled once: from the words of a rule to a test of texts.

What cannot be compiled cannot be saved: `compile_condition` is the validation too.
"""

from dataclasses import dataclass

from rules.facts import CannotEvaluate
from rules.fields import Field, Kind, find_field
from rules.operators import COMPARISONS, EXISTS, IS_TRUE, Question, compile_question
from rules.values import InvalidCondition
from rules.view import Reader, Texts, View

MAX_VALUE_LENGTH = 10_000

_NEGATIONS = {"not_equals": "equals", "not_contains": "contains"}
_SYNONYMS = {"regex": "matches"}
_EXACT = {"equals", "not_equals"}
_PARTS = {"contains", "not_contains", "starts_with", "ends_with", "matches", "regex"}

OPERATORS = {
    Kind.TEXT: _EXACT | _PARTS | {"in", "exists"},
    Kind.HEADER: _EXACT | _PARTS | {"in", "exists"} | COMPARISONS,
    Kind.NUMBER: _EXACT | {"in", "exists"} | COMPARISONS,
    Kind.FLAG: _EXACT | {"exists"},
    Kind.ADDRESS: _EXACT | {"in", "exists"},
}


@dataclass(frozen=True, slots=True)
class Condition:
    """Holds when the answer is yes for any text of the field, or, negated, for none. What it says
    `is_of_message` if it is the same for all recipients."""

    reader: Reader
    question: Question
    is_negated: bool
    is_of_message: bool

    def look(self, view: View) -> Texts:
        """What it looks at, as it compares it. Raises CannotEvaluate."""
        return view.read(self.reader, self.question.form)

    def holds(self, view: View) -> bool:
        """Raises CannotEvaluate."""
        return self._is_answered_yes(self.look(view)) is not self.is_negated

    def _is_answered_yes(self, texts: Texts) -> bool:
        if any(map(self.question.test, texts.whole)):
            return True
        if texts.is_complete:
            return False
        answers = set(map(self.question.test_cut, texts.cut))
        if True in answers:
            return True
        if None in answers or not texts.is_all:
            raise CannotEvaluate("a limit hid a part of it, and the rest does not decide")
        return False


def compile_condition(
    *, field: str, operator: str, value: str, case_sensitive: bool = False
) -> Condition:
    """Raises InvalidCondition."""
    source = _find(field)
    if operator not in OPERATORS[source.kind]:
        fitting = ", ".join(sorted(OPERATORS[source.kind]))
        raise InvalidCondition("operator", f"{field} has no {operator}, only {fitting}")
    if len(value) > MAX_VALUE_LENGTH:
        raise InvalidCondition("value", f"is longer than {MAX_VALUE_LENGTH} characters")
    is_negated = operator in _NEGATIONS
    operator = _NEGATIONS.get(operator, _SYNONYMS.get(operator, operator))
    if operator == "exists":
        question = IS_TRUE if source.kind is Kind.FLAG else EXISTS
        return Condition(source.read, question, is_negated, source.is_of_message)
    if not value:
        if operator == "equals" and source.kind in (Kind.TEXT, Kind.HEADER):
            # Empty or not there: the opposite of `exists`.
            return Condition(source.read, EXISTS, not is_negated, source.is_of_message)
        raise InvalidCondition("value", f"{operator} needs a value")
    question = compile_question(source.kind, operator, value, case_sensitive)
    reader = source.read_exact if operator in ("equals", "in") else source.read
    return Condition(reader, question, is_negated, source.is_of_message)


def _find(field: str) -> Field:
    try:
        return find_field(field)
    except ValueError as error:
        raise InvalidCondition("field", str(error)) from None
