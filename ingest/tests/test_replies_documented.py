"""Every reply is explained in docs/smtp.md, word for word: a postmaster searches for what a log
shows."""

from pathlib import Path

import pytest

from ingest import replies

DOCUMENT = (Path(__file__).parents[2] / "docs/smtp.md").read_text()
REPLIES = {name: text for name, text in vars(replies).items() if name.isupper()}


@pytest.mark.parametrize("name", REPLIES)
def test_it_is_explained(name: str) -> None:
    assert REPLIES[name] in DOCUMENT
