import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastsmtp.mail.fields import quote, write_field
from fastsmtp.mail.headers import find_block_end, split_fields, split_whole_fields


def test_every_part_begins_a_line() -> None:
    assert write_field("A", "b", "", "c d") == b"A: b\r\n c d\r\n"


def test_long_lines_are_folded_at_spaces() -> None:
    word = "w" * 40
    assert write_field("A", f"{word} {word}") == f"A: {word}\r\n {word}\r\n".encode()
    exact = "w" * 75
    assert write_field("A", f"{exact} b") == f"A: {exact}\r\n b\r\n".encode()


def test_octets_count_not_characters() -> None:
    word = "\u00fc" * 20
    assert write_field("A", f"{word} {word}") == f"A: {word}\r\n {word}\r\n".encode()


def test_a_word_that_is_too_long_stays_whole() -> None:
    assert write_field("A", "w" * 100) == b"A:\r\n " + b"w" * 100 + b"\r\n"


@pytest.mark.parametrize("character", ["\r", "\n", "\0", "\x7f", "\x85", "\u2028", "\ud800"])
def test_control_characters_become_question_marks(character: str) -> None:
    assert write_field("A", f"b{character}c") == b"A: b?c\r\n"


def test_quotes() -> None:
    assert quote('a "b" \\c') == r'"a \"b\" \\c"'
    assert quote("\u00fc" * 300) == f'"{"\u00fc" * 200}"'


@given(st.lists(st.text("ab ", max_size=200).map(lambda text: f"x{text}y"), min_size=1))
def test_folding_changes_nothing_else(parts: list[str]) -> None:
    field = write_field("A", *parts)
    ((_, value),) = split_fields(field, 0, len(field))
    assert value.replace(b"\r\n", b"").rstrip(b"\r").decode() == " " + " ".join(parts)
    assert all(line.strip() for line in field.split(b"\r\n")[:-1])


@given(st.binary())
def test_whole_fields_are_the_block(raw: bytes) -> None:
    end = find_block_end(raw, 0)
    assert b"".join(field for _, field in split_whole_fields(raw, 0, end)) == raw[:end]
