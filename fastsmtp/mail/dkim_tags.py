"""Tag lists of DKIM (RFC 6376 §3.2), and what can be wrong with them."""

import binascii
from typing import Literal

from dkim.util import InvalidTagValueList, parse_tag_value

type Result = Literal[
    "none", "pass", "fail", "policy", "neutral", "temperror", "permerror"
]  # RFC 8601 §2.7.1
type Tags = dict[bytes, bytes]


class Problem(Exception):
    """Why a signature is not verified to the end: a result and a reason for people."""

    def __init__(self, result: Result, reason: str) -> None:
        super().__init__(reason)
        self.result = result
        self.reason = reason


def parse_tags(text: bytes) -> Tags:
    """Values by name, in order, with the white space around them removed. Raises Problem."""
    try:
        tags: Tags = parse_tag_value(text)
    except InvalidTagValueList:
        raise Problem("permerror", "the tag list is malformed") from None
    return tags


def split_list(value: bytes) -> list[bytes]:
    """The parts of a list with colons, in lower case."""
    return [part.strip().lower() for part in value.split(b":")]


def decode_base64(value: bytes) -> bytes:
    """RFC 6376 §2.10, folded or not. Raises ValueError."""
    return binascii.a2b_base64(b"".join(value.split()), strict_mode=True)
