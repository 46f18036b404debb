"""`show_config`: what every variable is, and where that comes from."""

import json
import re
from datetime import timedelta
from typing import Any

from django.core.management import CommandParser
from pydantic import SecretStr

from fastsmtp.cli import EarlyCommand, align
from fastsmtp.config import PREFIX, Config, config, find_sources
from fastsmtp.masking import MASK

_PASSWORD = re.compile(r"(://[^:@/?#]*):[^/?#]*@")
_OPTION = re.compile(r"([?&][^=&]*(?:pass|key|secret|token)[^=&]*=)[^&]*", re.IGNORECASE)


class Command(EarlyCommand):
    help = "Shows every setting, its value (secrets are masked) and its source."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", dest="as_json")

    def handle(self, *, as_json: bool, **_: Any) -> None:
        rows = _rows(config())
        if as_json:
            self.stdout.write(json.dumps(rows, indent=2))
        else:
            self.stdout.write(align([list(rows[0]), *(list(row.values()) for row in rows)]))


def _rows(current: Config) -> list[dict[str, str]]:
    sources = {name: source() for name, source in find_sources(Config).items()}
    return [
        {
            "variable": PREFIX + field.upper(),
            "value": _shown(getattr(current, field)),
            "source": next((name for name, held in sources.items() if field in held), "default"),
        }
        for field in Config.model_fields
    ]


def _shown(value: Any) -> str:
    """As one would write it into the variable."""
    match value:
        case None:
            return ""
        case SecretStr():
            return _masked(value.get_secret_value())
        case bool():
            return str(value).lower()
        case timedelta():
            return f"{value.total_seconds():g}s"
        case list():
            return ",".join(map(_shown, value))
    return str(value)


def _masked(secret: str) -> str:
    """Of a URL only the password is secret, and options that look like one."""
    if "://" not in secret:
        return MASK if secret else ""
    return _OPTION.sub(rf"\1{MASK}", _PASSWORD.sub(rf"\1:{MASK}@", secret))
