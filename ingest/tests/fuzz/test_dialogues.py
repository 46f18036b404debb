"""The server against a reference that knows what it has to say and to store: made-up dialogues, a
few seconds of them (`./dev fuzz` takes longer), and those that were worth keeping."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from accounts.models import Domain
from ingest.tests.certificates import KeyPair
from ingest.tests.fuzz.dialogues import conversations
from ingest.tests.fuzz.playing import Site
from ingest.tests.fuzz.reference import due_replies
from ingest.tests.fuzz.script import Script, parse, write

KEPT = sorted((Path(__file__).parent / "kept").glob("*.txt"))


@pytest.fixture
def site(domain: Domain, key_pair: KeyPair) -> Iterator[Site]:
    with Site(key_pair) as site:
        yield site


@pytest.mark.timeout(600)
@settings(
    max_examples=120,
    derandomize=True,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(conversation=conversations)
def test_made_up_dialogues(site: Site, conversation: list[Script]) -> None:
    site.check(conversation)


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_a_kept_dialogue(site: Site, path: Path) -> None:
    text = path.read_text()
    conversation = parse(text)
    told = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("#"))
    assert "".join(write(script, due_replies(script)) for script in conversation) == told
    site.check(conversation)
