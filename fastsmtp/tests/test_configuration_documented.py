import re
from pathlib import Path

from fastsmtp.config import PREFIX, Config

ROOT = Path(__file__).parents[2]
MANUAL = ROOT / "docs" / "configuration.md"
EXAMPLE = ROOT / ".env.example"


def test_every_variable_is_in_the_manual_and_nothing_else() -> None:
    rows = re.findall(r"^\| `(FASTSMTP_\w+)`", MANUAL.read_text(), re.MULTILINE)

    assert sorted(rows) == sorted(PREFIX + name.upper() for name in Config.model_fields)


def test_the_example_takes_no_words_for_a_value() -> None:
    """Who uncomments a line would have a secret that everybody can read here."""
    lines = re.findall(r"^#(FASTSMTP_\w+)=(.*)$", EXAMPLE.read_text(), re.MULTILINE)

    assert {name.removeprefix(PREFIX).lower() for name, _ in lines} <= Config.model_fields.keys()
    assert [name for name, value in lines if " " in value] == []
    secret = r"_(SECRET|KEY)$"
    assert [name for name, value in lines if re.search(secret, name) and value] == [
        "FASTSMTP_SMTP_TLS_KEY"
    ]
