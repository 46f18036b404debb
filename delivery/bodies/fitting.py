"""Making a payload fit a receiver that takes little. What had to go is named in `truncated`; all of
it stays reachable by the link to the raw message.
"""

from collections.abc import Mapping
from typing import Any

import orjson

# What can be left out, and what it is then: of the same type. What is worth most stands first, the
# last one goes first.
_EMPTY: Mapping[str, Any] = {
    "cc": "",
    "reply_to": "",
    "in_reply_to": "",
    "references": "",
    "addresses": {"from": [], "to": [], "cc": [], "bcc": [], "reply_to": [], "sender": None},
    "attachments": [],
    "calendar": [],
    "headers": {},
    "headers_list": [],
    "body_text": "",
    "body_html": "",
    "stripped_text": "",
    "quoted_text": "",
    "signature_text": "",
}
_CUT = {"body_text", "body_html"}  # of which a beginning is worth something

_STEP = 64 * 1024  # characters that are measured at once


def fit(facts: dict[str, Any], most: int) -> dict[str, Any]:
    """`facts` in at most so many bytes of JSON; in more only if what cannot be left out takes more.

    A field that does not fit makes room for those that are worth less. The time is linear.
    """
    losses = {name: facts[name] for name in _EMPTY if facts.get(name, _EMPTY[name]) != _EMPTY[name]}
    fitted = facts | {name: _EMPTY[name] for name in losses}
    named = dict.fromkeys([*facts["truncated"], *losses])
    room = most - len(orjson.dumps(fitted | {"truncated": list(named)}))
    for name, value in losses.items():
        size = len(orjson.dumps(value)) - len(orjson.dumps(_EMPTY[name]))
        is_whole = name not in facts["truncated"]
        if is_whole:  # it is not named then, nor is there a comma between it and another
            size -= len(orjson.dumps(name)) + (len(named) > 1)
        if size <= room:
            fitted[name] = value
            room -= size
            if is_whole:
                del named[name]
        elif name in _CUT:
            fitted[name] = cut(value, room)
            room = min(room, 0)
    return fitted | {"truncated": list(named)}


def cut(text: str, most: int) -> str:
    """The longest beginning of `text` that takes at most so many bytes inside of a JSON string."""
    end, step = 0, _STEP
    while step and end < len(text):
        size = _measure(text[end : end + step])
        if size <= most:
            end += step
            most -= size
        else:
            step //= 2
    return text[:end]


def _measure(text: str) -> int:
    return len(orjson.dumps(text)) - len('""')
