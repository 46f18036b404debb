"""Conditions, compiled once: from the words of a rule to a test of texts.

What cannot be compiled cannot be saved: `compile_condition` is the validation too. Patterns are
RE2's, whose time grows with the text and with nothing else, whatever the pattern.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any
from unicodedata import normalize

import re2

from rules.facts import CannotEvaluate
from rules.fields import Field, Kind, Reader, View, find_field

MAX_VALUE_LENGTH = 10_000
MAX_PATTERN_LENGTH = 1_000
MAX_PATTERN_MEMORY = 1024 * 1024  # bytes of one compiled pattern

_NUMBER = re.compile(r"[+-]?[0-9]{1,15}(\.[0-9]{1,6})?")

_NEGATIONS = {"not_equals": "equals", "not_contains": "contains"}
_SYNONYMS = {"regex": "matches"}
_EXACT = {"equals", "not_equals"}
_COMPARISONS = {"greater_than", "less_than"}
_PARTS = {"contains", "not_contains", "starts_with", "ends_with", "matches", "regex"}

_OPERATORS = {
    Kind.TEXT: _EXACT | _PARTS | {"in", "exists"},
    Kind.HEADER: _EXACT | _PARTS | {"in", "exists"} | _COMPARISONS,
    Kind.NUMBER: _EXACT | {"in", "exists"} | _COMPARISONS,
    Kind.FLAG: _EXACT | {"exists"},
    Kind.ADDRESS: _EXACT | {"in", "exists"},
}

type Test = Callable[[Any], bool]


class InvalidCondition(ValueError):
    """One sentence about one part of a condition: its `field`, `operator` or `value`."""

    def __init__(self, part: str, reason: str) -> None:
        super().__init__(reason)
        self.part = part


@dataclass(frozen=True, slots=True)
class Condition:
    """Holds when `test` does for any text of the field, or, negated, for none."""

    reader: Reader
    form: Callable[[str], Any]
    test: Test
    is_negated: bool

    def holds(self, view: View) -> bool:
        """Raises CannotEvaluate."""
        texts = view.read(self.reader, self.form)
        return any(map(self.test, texts)) is not self.is_negated


def compile_condition(
    *, field: str, operator: str, value: str, case_sensitive: bool = False
) -> Condition:
    """Raises InvalidCondition."""
    source = _find(field)
    if operator not in _OPERATORS[source.kind]:
        fitting = ", ".join(sorted(_OPERATORS[source.kind]))
        raise InvalidCondition("operator", f"{field} has no {operator}, only {fitting}")
    if len(value) > MAX_VALUE_LENGTH:
        raise InvalidCondition("value", f"is longer than {MAX_VALUE_LENGTH} characters")
    is_negated = operator in _NEGATIONS
    operator = _NEGATIONS.get(operator, _SYNONYMS.get(operator, operator))
    if operator == "exists":
        is_there = "true".__eq__ if source.kind is Kind.FLAG else bool
        return Condition(source.read, compose, is_there, is_negated)
    if not value:
        if operator == "equals" and source.kind in (Kind.TEXT, Kind.HEADER):
            # Empty or not there: the opposite of `exists`.
            return Condition(source.read, compose, bool, not is_negated)
        raise InvalidCondition("value", f"{operator} needs a value")
    form, test = _compile_test(source.kind, operator, value, case_sensitive)
    reader = source.read_exact if operator in ("equals", "in") else source.read
    return Condition(reader, form, test, is_negated)


def compose(text: str) -> str:
    """In Unicode's composed form, so that é is é however it was typed."""
    return text if text.isascii() else normalize("NFC", text)


def fold(text: str) -> str:
    """Without case, as Unicode defines it: ß is ss."""
    return text.lower() if text.isascii() else compose(text).casefold()


def encode(text: str) -> bytes:
    """What RE2 searches; a pattern's own letters are characters all the same."""
    return compose(text).encode()


def _find(field: str) -> Field:
    try:
        return find_field(field)
    except ValueError as error:
        raise InvalidCondition("field", str(error)) from None


def _compile_test(
    kind: Kind, operator: str, value: str, case_sensitive: bool
) -> tuple[Callable[[str], Any], Test]:
    """The test, and the form in which it wants its texts."""
    if operator == "matches":
        return encode, _search(value, case_sensitive)
    if operator in _COMPARISONS:
        return compose, _compare(operator, value)
    items = _split(value) if operator == "in" else [value]
    match kind:
        case Kind.NUMBER:
            return compose, frozenset(str(_whole_number(item)) for item in items).__contains__
        case Kind.FLAG:
            return compose, _parse_flag(value).__eq__
        case Kind.ADDRESS:
            return compose, _is_in([_parse_network(item) for item in items])
    form = compose if case_sensitive else fold
    return form, _text_test(operator, [form(item) for item in items])


def _text_test(operator: str, items: list[str]) -> Test:
    wanted = items[0]
    match operator:
        case "contains":
            return lambda text: wanted in text
        case "starts_with":
            return lambda text: text.startswith(wanted)
        case "ends_with":
            return lambda text: text.endswith(wanted)
    return frozenset(items).__contains__


def _split(value: str) -> list[str]:
    items = [item.strip() for item in value.split(",")]
    if not all(items):
        raise InvalidCondition("value", "is a list with commas in between, without empty places")
    return items


def _search(pattern: str, case_sensitive: bool) -> Test:
    if len(pattern) > MAX_PATTERN_LENGTH:
        raise InvalidCondition("value", f"is longer than {MAX_PATTERN_LENGTH} characters")
    options = re2.Options()
    options.log_errors = False
    options.max_mem = MAX_PATTERN_MEMORY
    options.case_sensitive = case_sensitive
    try:
        search = re2.compile(compose(pattern), options).search
    except UnicodeError:
        raise InvalidCondition("value", "is not valid Unicode") from None
    except re2.error as error:
        raise InvalidCondition("value", _explain(error.args[0])) from None
    return lambda text: search(text) is not None


def _explain(error: bytes | str) -> str:
    text = error.decode(errors="replace") if isinstance(error, bytes) else error
    if re.match(r"invalid perl operator: \(\?[=!<]", text):
        return f"look-around is not possible in RE2 patterns ({text})"
    if re.match(r"invalid escape sequence: \\[1-9k]", text):
        return f"back-references are not possible in RE2 patterns ({text})"
    return f"is not an RE2 pattern: {text}"


def _compare(operator: str, value: str) -> Test:
    bound = _parse_number(value)
    if bound is None:
        raise InvalidCondition("value", "must be a number such as 5 or -0.5")

    def compare(text: str) -> bool:
        number = _parse_number(text)
        if number is None:
            raise CannotEvaluate(f"“{text[:50]}” is not a number")
        return number > bound if operator == "greater_than" else number < bound

    return compare


def _parse_number(text: str) -> float | None:
    text = text.strip()
    return float(text) if _NUMBER.fullmatch(text) else None


def _whole_number(text: str) -> int:
    number = _parse_number(text)
    if number is None or not number.is_integer():
        raise InvalidCondition("value", "must be a whole number")
    return int(number)


def _parse_flag(value: str) -> str:
    flag = value.strip().lower()
    if flag in ("true", "yes", "1"):
        return "true"
    if flag in ("false", "no", "0"):
        return "false"
    raise InvalidCondition("value", "must be true or false")


def _parse_network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text.strip())
    except ValueError as error:
        raise InvalidCondition("value", f"is not an address or network: {error}") from None


def _is_in(networks: list[IPv4Network | IPv6Network]) -> Test:
    def is_in(text: str) -> bool:
        try:
            address = ip_address(text)
        except ValueError:
            raise CannotEvaluate(f"“{text[:50]}” is not an IP address") from None
        if isinstance(address, IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        return any(address in network for network in networks)

    return is_in
