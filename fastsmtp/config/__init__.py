"""The FASTSMTP_* variables: typed, read once, all mistakes reported together.

`docs/configuration.md` explains every variable. `variables` are the fields, `sources` where they
are written, `types` how their text is read, `checks` what they have to be, and `configuration` what
follows from them.
"""

from fastsmtp.config.configuration import Config, ConfigError, config
from fastsmtp.config.sources import find_sources, secrets_file
from fastsmtp.config.types import parse_duration
from fastsmtp.config.variables import DEFAULT_RETRY_SCHEDULE, PREFIX

__all__ = [
    "DEFAULT_RETRY_SCHEDULE",
    "PREFIX",
    "Config",
    "ConfigError",
    "config",
    "find_sources",
    "parse_duration",
    "secrets_file",
]
