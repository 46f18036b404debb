import re
from pathlib import Path

from fastsmtp.config import PREFIX, Config

MANUAL = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_every_variable_is_in_the_manual_and_nothing_else() -> None:
    rows = re.findall(r"^\| `(FASTSMTP_\w+)`", MANUAL.read_text(), re.MULTILINE)

    assert sorted(rows) == sorted(PREFIX + name.upper() for name in Config.model_fields)
