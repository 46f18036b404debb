"""Django's system checks for what would otherwise go wrong in silence."""

import re
from collections import ChainMap
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from django.core.checks import CheckMessage, Warning

from fastsmtp.config import PREFIX, Config, find_sources

# Read before there is a configuration, by tests and by child processes.
_INTERNAL = frozenset({"COMMAND", "CRASH_AT", "ENV_FILE", "PARENT_PID", "TEST_RUN_DIR"})

# Kubernetes announces each service of the namespace to every pod, and ours begin with our name.
_SERVICE_LINK = re.compile(
    r"(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)


def check_variable_names(**_: Any) -> list[CheckMessage]:
    """fastsmtp.W001: a variable with our prefix that nothing reads is most likely misspelt."""
    variables = ChainMap(*(dict(source.env_vars) for source in find_sources(Config).values()))
    return [
        Warning(
            f"{name} is not a variable of FastSMTP.", hint=_suggestion(name), id="fastsmtp.W001"
        )
        for name in unknown_variables(variables)
    ]


def unknown_variables(variables: Mapping[str, str | None]) -> Iterator[str]:
    """The names, in upper case, that nothing reads."""
    for name, value in variables.items():
        setting = name.upper().removeprefix(PREFIX)
        if not name.upper().startswith(PREFIX) or setting.lower() in Config.model_fields:
            continue
        is_service_link = _SERVICE_LINK.fullmatch(setting) or "://" in (value or "")
        if setting not in _INTERNAL and not is_service_link:
            yield name.upper()


def _suggestion(name: str) -> str | None:
    known = [field.upper() for field in Config.model_fields]
    similar = get_close_matches(name.removeprefix(PREFIX), known, n=1)
    return f"Did you mean {PREFIX}{similar[0]}?" if similar else None
