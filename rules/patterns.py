"""Patterns: RE2's, whose time grows with the text and with nothing else, whatever the pattern."""

import re
from typing import Any

import re2

from fastsmtp.unicode import compose
from rules.values import InvalidCondition

MAX_LENGTH = 1_000  # characters
MAX_MEMORY = 1024 * 1024  # bytes of one that is compiled


def compile_pattern(pattern: str, *, case_sensitive: bool) -> Any:
    """Searches bytes. Raises InvalidCondition."""
    if len(pattern) > MAX_LENGTH:
        raise InvalidCondition("value", f"is longer than {MAX_LENGTH} characters")
    options = re2.Options()
    options.log_errors = False
    options.max_mem = MAX_MEMORY
    options.case_sensitive = case_sensitive
    try:
        return re2.compile(compose(pattern), options)
    except UnicodeError:
        raise InvalidCondition("value", "is not valid Unicode") from None
    except re2.error as error:
        raise InvalidCondition("value", _explain(error.args[0])) from None


def _explain(error: bytes | str) -> str:
    text = error.decode(errors="replace") if isinstance(error, bytes) else error
    if re.match(r"invalid perl operator: \(\?[=!<]", text):
        return f"look-around is not possible in RE2 patterns ({text})"
    if re.match(r"invalid escape sequence: \\[1-9k]", text):
        return f"back-references are not possible in RE2 patterns ({text})"
    return f"is not an RE2 pattern: {text}"
