"""The FASTSMTP_* variables: typed, read once, all mistakes reported together.

Sources, strongest first: the environment, `.env` in the current folder, `fastsmtp.env` in
`FASTSMTP_DATA_DIR` (written by the first start). `docs/configuration.md` explains every variable.

`variables` are the fields, `types` how their text is read, `checks` what they have to be, and
`configuration` what follows from them.
"""

from fastsmtp.config.configuration import Config, ConfigError, config, secrets_file
from fastsmtp.config.types import parse_duration
from fastsmtp.config.variables import DEFAULT_RETRY_SCHEDULE, PREFIX

__all__ = [
    "DEFAULT_RETRY_SCHEDULE",
    "PREFIX",
    "Config",
    "ConfigError",
    "config",
    "parse_duration",
    "secrets_file",
]
