"""Texts in one form, whatever somebody has piled up in them."""

from unicodedata import normalize

import pytest

from fastsmtp.unicode import compose

ACUTE, GRAVE_BELOW = "\u0301", "\u0316"
JOINER = "\u034f"


@pytest.mark.parametrize(
    "text", ["cafe\u0301", "\u1100\u1161\u11a8", "o\u0323\u0302" + "x" * 99, "ascii"]
)
def test_it_is_the_composed_form(text: str) -> None:
    assert compose(text) == normalize("NFC", text)


def test_thirty_marks_are_left_alone() -> None:
    text = "a" + ACUTE * 15 + GRAVE_BELOW * 14
    assert compose(text) == normalize("NFC", text)


def test_a_million_marks_on_one_letter_end() -> None:
    """Sorted as one run they take half an hour."""
    text = "a" + ACUTE * 500_000 + GRAVE_BELOW * 500_000
    runs = compose(text).split(JOINER)
    assert max(len(run) for run in runs) <= 31
    assert sum(run.count(GRAVE_BELOW) for run in runs) == 500_000
