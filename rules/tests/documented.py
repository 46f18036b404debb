"""The tables of docs/rules.md, and the mail that they are about."""

import re
from pathlib import Path

RULES_MD = Path(__file__).parents[2] / "docs" / "rules.md"


def read_table(heading: str) -> list[list[str]]:
    """The cells of the last table under a heading."""
    rows = _section(heading).rpartition("|---|\n")[2].partition("\n\n")[0].splitlines()
    assert rows
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def unquote(cell: str) -> str:
    return cell.strip("`")


def read_mail() -> bytes:
    """As it would come over SMTP."""
    match = re.search(r"```eml\n(.*?)```", RULES_MD.read_text(), re.DOTALL)
    assert match is not None
    return match[1].replace("\n", "\r\n").encode()


def _section(heading: str) -> str:
    _, found, rest = RULES_MD.read_text().partition(f"### {heading}\n")
    assert found
    return rest.partition("\n#")[0]
