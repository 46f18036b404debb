"""What an operator asks of a text, once its value is known."""

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any

from fastsmtp.unicode import compose
from rules.facts import CannotEvaluate
from rules.fields import Kind
from rules.forms import encode, fold
from rules.patterns import compile_pattern
from rules.values import (
    find_number,
    parse_flag,
    parse_network,
    parse_number,
    parse_whole_number,
    split_list,
)

COMPARISONS = {"greater_than", "less_than"}

type Test = Callable[[Any], bool]


def _cannot_tell(_: Any) -> None:
    """Nothing that was seen of a text says anything of all of it."""


@dataclass(frozen=True, slots=True)
class Question:
    """`form` is the form in which it wants a text. `test_cut` is asked of a text of which only the
    beginning is known, or of a count of which more may follow; None is no answer. The last
    character of a beginning is never relied on: an accent may follow, and `$` would match there.
    """

    form: Callable[[str], Any]
    test: Test
    test_cut: Callable[[Any], bool | None] = _cannot_tell


EXISTS = Question(compose, bool, lambda text: bool(text) or None)
IS_TRUE = Question(compose, "true".__eq__)


def compile_question(kind: Kind, operator: str, value: str, case_sensitive: bool) -> Question:
    """Raises InvalidCondition."""
    if operator == "matches":
        return _search(value, case_sensitive)
    if operator in COMPARISONS:
        return _compare(kind, operator, parse_number(value))
    items = split_list(value) if operator == "in" else [value]
    match kind:
        case Kind.NUMBER:
            return _is_number([parse_whole_number(item) for item in items])
        case Kind.FLAG:
            return Question(compose, parse_flag(value).__eq__)
        case Kind.ADDRESS:
            return Question(compose, _is_in([parse_network(item) for item in items]))
    form = compose if case_sensitive else fold
    return _ask_text(form, operator, [form(item) for item in items])


def _ask_text(form: Callable[[str], str], operator: str, items: list[str]) -> Question:
    wanted = items[0]
    match operator:
        case "contains":
            return Question(
                form,
                lambda text: wanted in text,
                lambda start: 0 <= start.find(wanted) < len(start) - len(wanted) or None,
            )
        case "starts_with":
            return Question(form, lambda text: text.startswith(wanted), _begins_with(wanted))
        case "ends_with":
            return Question(form, lambda text: text.endswith(wanted))
    return Question(
        form,
        frozenset(items).__contains__,
        lambda start: None if any(item.startswith(start[:-1]) for item in items) else False,
    )


def _begins_with(wanted: str) -> Callable[[str], bool | None]:
    def begins_with(start: str) -> bool | None:
        sure = start[:-1]
        if sure.startswith(wanted):
            return True
        return None if wanted.startswith(sure) else False

    return begins_with


def _search(value: str, case_sensitive: bool) -> Question:
    search = compile_pattern(value, case_sensitive=case_sensitive).search

    def search_start(start: bytes) -> bool | None:
        return True if start and search(start, 0, len(start) - 1) else None

    return Question(encode, lambda text: search(text) is not None, search_start)


def _is_number(wanted: list[int]) -> Question:
    return Question(
        compose,
        frozenset(map(str, wanted)).__contains__,
        lambda count: False if int(count) > max(wanted) else None,
    )


def _compare(kind: Kind, operator: str, bound: float) -> Question:
    def compare(text: str) -> bool:
        number = find_number(text)
        if number is None:
            raise CannotEvaluate("it is not a number")
        return number > bound if operator == "greater_than" else number < bound

    if kind is not Kind.NUMBER:
        return Question(compose, compare)
    if operator == "greater_than":
        return Question(compose, compare, lambda count: compare(count) or None)
    return Question(compose, compare, lambda count: None if compare(count) else False)


def _is_in(networks: list[IPv4Network | IPv6Network]) -> Test:
    def is_in(text: str) -> bool:
        try:
            address = ip_address(text)
        except ValueError:
            raise CannotEvaluate("it is not an IP address") from None
        if isinstance(address, IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        return any(address in network for network in networks)

    return is_in
