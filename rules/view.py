"""What a condition sees of the facts: the texts of a field, and whether they are all of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from rules.facts import Facts

type Reader = Callable[[View], Texts]


@dataclass(frozen=True, slots=True)
class Texts:
    """`cut` are those of which a limit left the beginning, or of a count what was counted;
    `is_all` tells whether there can be no others."""

    whole: tuple[Any, ...] = ()
    cut: tuple[Any, ...] = ()
    is_all: bool = True

    def __add__(self, other: Self) -> "Texts":
        return Texts(self.whole + other.whole, self.cut + other.cut, self.is_all and other.is_all)

    @property
    def seen(self) -> tuple[Any, ...]:
        return self.whole + self.cut

    @property
    def is_complete(self) -> bool:
        return self.is_all and not self.cut


class View:
    """The facts, and the tags that rules have added up to now. Each field is read once."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.tags: dict[str, None] = {}  # a set that keeps its order
        self._seen: dict[object, Texts] = {}

    def read(self, reader: Reader, form: Callable[[str], Any]) -> Texts:
        """The texts of a field, in the form in which a condition compares them."""
        if reader is read_tags:
            return _map(form, read_tags(self))
        seen = self._seen.get((reader, form))
        if seen is None:
            seen = self._seen[reader, form] = _map(form, reader(self))
        return seen


def read_tags(view: View) -> Texts:
    return Texts(tuple(view.tags))


def _map(form: Callable[[str], Any], texts: Texts) -> Texts:
    return Texts(tuple(map(form, texts.whole)), tuple(map(form, texts.cut)), texts.is_all)
