import re
from collections.abc import Iterator
from pathlib import Path

from django.urls import URLPattern, URLResolver

from fastsmtp.urls import api_v1

MANUAL = Path(__file__).parents[2] / "docs" / "operations.md"
PROBES = {"/health", "/ready"}  # told before the table, because they need no key


def _built(patterns: list[URLPattern | URLResolver], before: str = "/") -> Iterator[str]:
    for each in patterns:
        path = before + str(each.pattern)
        if isinstance(each, URLResolver):
            yield from _built(each.url_patterns, path)
        else:
            yield re.sub(r"<[^>]+>", "{id}", path)


def _told() -> Iterator[str]:
    section = MANUAL.read_text().partition("## The API so far\n")[2].partition("\n## ")[0]
    for cell in re.findall(r"^\| (`.+?) \|", section, re.MULTILINE):
        for path in re.findall(r"`(.+?)`", cell):
            yield re.sub(r"^D", "/domains/{id}", re.sub(r"^E", "D/endpoints/{id}", path))


def test_every_path_is_in_the_manual_and_nothing_else() -> None:
    assert sorted(_told()) == sorted(set(_built(api_v1)) - PROBES)
