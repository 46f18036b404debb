"""Where variables are written: the environment, `.env` in the current folder, `fastsmtp.env` in the
data folder. What is empty counts as not set in each of them: compose files pass empty variables on.
"""

import os
from pathlib import Path
from typing import Any

from pydantic_settings import BaseSettings, DotEnvSettingsSource, EnvSettingsSource

# Of these, empty is a value: no slow retries.
_EMPTY_IS_A_VALUE = frozenset({"webhook_retry_schedule"})


class _Environment(EnvSettingsSource):
    def __call__(self) -> dict[str, Any]:
        return _set_ones(super().__call__())


class _File(DotEnvSettingsSource):
    def __call__(self) -> dict[str, Any]:
        return _set_ones(super().__call__())


def find_sources(settings: type[BaseSettings]) -> dict[str, EnvSettingsSource]:
    """By name, the strongest first. Called, a source gives its values by field."""
    environment = _Environment(settings)
    # Tests name another file: a developer's .env is not for them.
    dotenv = _File(settings, env_file=os.environ.get("FASTSMTP_ENV_FILE", ".env"))
    data_dir = {**dotenv(), **environment()}.get("data_dir", default_data_dir())
    written = _File(settings, env_file=secrets_file(Path(data_dir).expanduser()))
    return {"environment": environment, ".env": dotenv, "fastsmtp.env": written}


def default_data_dir() -> Path:
    """The XDG data folder of the user (freedesktop.org, Base Directory Specification)."""
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base).expanduser() / "fastsmtp"


def secrets_file(data_dir: Path) -> Path:
    """Where the first start of an embedded installation writes what it generated."""
    return data_dir / "fastsmtp.env"


def _set_ones(values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value for name, value in values.items() if value != "" or name in _EMPTY_IS_A_VALUE
    }
