"""Secrets on the way to a reader: a mask in their place, which on its way back keeps them."""

import html
import json
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote

MASK = "********"
SHORTEST_SECRET = 8  # characters; shorter ones are found in everything


def mask_values(values: Mapping[str, str]) -> dict[str, str]:
    return dict.fromkeys(values, MASK)


def unmask_values[T](values: Mapping[str, T], *, stored: Mapping[str, T]) -> dict[str, T]:
    """Puts the stored value wherever the mask came back; raises ValueError if there is none."""
    unknown = [name for name, value in values.items() if value == MASK and name not in stored]
    if unknown:
        raise ValueError(f"no value is stored for {', '.join(unknown)}, so it cannot be kept")
    return {name: stored[name] if value == MASK else value for name, value in values.items()}


def mask_in(text: str, secrets: Iterable[str], *, is_cut: bool = False) -> str:
    """Masks what a stranger's text repeats of our secrets, whole or a word of them: the token of
    `Bearer …`. Where the text was cut, its end may be the beginning of one."""
    words = {word for secret in secrets for word in (secret, *secret.split())}
    forms = {form for word in words if len(word) >= SHORTEST_SECRET for form in _forms(word)}
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, MASK)
    return _mask_end(text, forms) if is_cut else text


def _forms(word: str) -> Iterator[str]:
    """As it stands in text, in HTML, in a URL, and in JSON of either kind."""
    in_json = json.dumps(word)[1:-1]
    yield from (word, html.escape(word), quote(word, safe=""), in_json, in_json.replace("/", r"\/"))


def _mask_end(text: str, forms: Iterable[str]) -> str:
    longest = max((_cut_off(text, form) for form in forms), key=len, default="")
    return text.removesuffix(longest) + MASK if longest else text


def _cut_off(text: str, form: str) -> str:
    """The beginning of it with which the text ends."""
    lengths = range(len(form) - 1, 0, -1)
    return next((form[:length] for length in lengths if text.endswith(form[:length])), "")
