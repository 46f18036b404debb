"""Secrets that are made to be found, however they are wrapped."""

import base64
import secrets
from collections.abc import Iterator, Mapping


def make_canary(name: str) -> str:
    """Letters and digits only, so that URLs, JSON and HTML leave it as it is."""
    return f"canary{name}{secrets.token_hex(12)}"


def find(canaries: Mapping[str, str], evidence: Mapping[str, str]) -> list[str]:
    """`canary in source` for each that is there, as it is or in base64 or hex."""
    return [
        f"{name} in {source}"
        for source, text in evidence.items()
        for name, canary in canaries.items()
        if any(needle in text for needle in _needles(canary))
    ]


def _needles(canary: str) -> Iterator[str]:
    raw = canary.encode()
    yield canary
    yield raw.hex()
    # Inside something longer that is base64: at each of the three places where it may begin,
    # without the characters that its neighbours have a part in.
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + raw)
        first = -(-offset * 8 // 6)
        last = (offset + len(raw)) * 8 // 6
        for alphabet in (encoded, encoded.replace(b"+", b"-").replace(b"/", b"_")):
            yield alphabet[first:last].decode()
