"""Names of objects. Sender and tenant choose parts of them, so no part may leave its place.

Slashes, dots that climb, white space, controls and what is special in a URL or a shell become `_`;
every part is short enough for S3's limit of 1,024 octets. Nothing here knows which keys are taken.
"""

import re
import uuid
from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from fastsmtp.unicode import compose

MAX_PART_OCTETS = 250
MAX_ENDING_OCTETS = 20

_UNSAFE = re.compile(
    r"""[\x00-\x20\x7f-\xa0/\\^`<>{}\[\]#%~|"'?*:;&\u2028\u2029\ufffd\ud800-\udfff]"""
)


def message_folder(*, prefix: str, domain: str, internet_message_id: str, id: uuid.UUID) -> str:
    """`{prefix}/{domain}/{Message-ID}`; the message's own id stands for a Message-ID it lacks."""
    name = make_safe(internet_message_id.strip().removeprefix("<").removesuffix(">"))
    return _join(prefix, domain, name or str(id))


def raw_key(*, prefix: str, domain: str, received_at: datetime, id: uuid.UUID) -> str:
    """`{prefix}/{domain}/{YYYY}/{MM}/{DD}/{id}.eml`, by the UTC day; no other message has it."""
    return _join(prefix, domain, f"{received_at:%Y/%m/%d}", f"{id}.eml")


def unique_names(filenames: Iterable[str]) -> list[str]:
    """Safe, and each different from those before: `a.pdf`, `a-2.pdf`."""
    taken: set[str] = set()
    counts: Counter[str] = Counter()
    names = []
    for filename in filenames:
        safe = make_safe(filename) or "attachment"
        name = safe
        while name in taken:
            counts[safe] += 1
            stem, ending = _split_ending(safe)
            name = f"{stem}-{counts[safe] + 1}{ending}"
        taken.add(name)
        names.append(name)
    return names


def make_safe(text: str) -> str:
    """`text` as one part of a key; "" if nothing is left of it."""
    text = _UNSAFE.sub("_", compose(text)).strip(".")
    stem, ending = _split_ending(text)
    room = MAX_PART_OCTETS - len(ending.encode())
    return stem.encode()[:room].decode(errors="ignore") + ending if text.strip("_") else ""


def _split_ending(name: str) -> tuple[str, str]:
    stem, dot, ending = name.rpartition(".")
    if not stem or len(ending.encode()) > MAX_ENDING_OCTETS:
        return name, ""
    return stem, dot + ending


def _join(prefix: str, *parts: str) -> str:
    return "/".join([*(part for part in prefix.split("/") if part), *parts])
