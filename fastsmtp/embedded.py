"""An installation that configures itself: one folder with the database, the broker's files and
the secrets, which the first start generates."""

import fcntl
import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from tempfile import NamedTemporaryFile

from fastsmtp.config import Config, ConfigError, config, secrets_file
from fastsmtp.crypto import generate_key

LOOPBACK_ONLY = "localhost,127.0.0.0/8,::1/128"

_HEADING = """\
# Written by the first start of FastSMTP in this folder. Variables of the environment and of a
# .env file in the current folder win over these. Keep it: without the encryption key, the stored
# signing secrets and webhook headers cannot be read.
"""


def prepare(current: Config) -> Config:
    """Makes the data folder and whatever secret is missing; returns the configuration to use.

    Raises ConfigError when the folder cannot be used.
    """
    try:
        current.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_missing(current)
    except OSError as error:
        raise unusable(current.data_dir, error) from None
    config.cache_clear()
    return config()


def lock(data_dir: Path) -> None:
    """Held until this process ends, however it ends: two workers on one SQLite would be one too
    many. Raises ConfigError."""
    try:
        handle = os.open(data_dir / "serve.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ConfigError(
            [f"FASTSMTP_DATA_DIR: another `serve` is running with {data_dir}."]
        ) from None
    except OSError as error:
        raise unusable(data_dir, error) from None


def unusable(data_dir: Path, error: OSError) -> ConfigError:
    """The sentence for a data folder that does not take what must go there."""
    return ConfigError([f"FASTSMTP_DATA_DIR: {data_dir} cannot be used ({error.strerror})."])


def _write_missing(current: Config) -> None:
    entries = _missing_secrets(current)
    if not secrets_file(current.data_dir).exists():
        entries += _first_defaults(current)
    if entries:
        add(current.data_dir, entries)


def add(data_dir: Path, entries: Sequence[tuple[str, str, str]]) -> None:
    """Writes variables to the others: name, value and comment of each. Raises OSError."""
    path = secrets_file(data_dir)
    before = path.read_text() if path.exists() else _HEADING
    lines = [f"\n# {comment}\n{name}={value}\n" for name, value, comment in entries]
    _replace(path, before + "".join(lines))


def _missing_secrets(current: Config) -> list[tuple[str, str, str]]:
    """Name, value and comment of each."""
    missing = []
    if current.secret_key is None:
        missing.append(
            ("FASTSMTP_SECRET_KEY", secrets.token_urlsafe(48), "Signs the sessions of the admin.")
        )
    if current.encryption_key is None:
        missing.append(
            ("FASTSMTP_ENCRYPTION_KEY", generate_key(), "Encrypts secrets in the database.")
        )
    if current.root_api_key is None:
        key = f"fsmtp_{secrets.token_urlsafe(32)}"
        missing.append(("FASTSMTP_ROOT_API_KEY", key, "May do everything in the REST API."))
    return missing


def _first_defaults(current: Config) -> list[tuple[str, str, str]]:
    chosen = current.model_fields_set
    defaults = []
    if "api_host" not in chosen:
        comment = "API and admin answer this machine only; 0.0.0.0 opens them to the network."
        defaults.append(("FASTSMTP_API_HOST", "127.0.0.1", comment))
    if "webhook_allowed_internal_domains" not in chosen and _is_private(current):
        comment = "Webhooks may go to services on this machine, such as a local n8n."
        defaults.append(("FASTSMTP_WEBHOOK_ALLOWED_INTERNAL_DOMAINS", LOOPBACK_ONLY, comment))
    return defaults


def _is_private(current: Config) -> bool:
    """Whoever may open webhooks to this machine must sit at it."""
    if "api_host" not in current.model_fields_set or current.api_host == "localhost":
        return True
    with suppress(ValueError):
        return ip_address(current.api_host).is_loopback
    return False


def _replace(path: Path, text: str) -> None:
    """At no moment is there half a file, or one that others can read."""
    with NamedTemporaryFile("w", dir=path.parent, delete=False) as file:  # mode 0600
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(file.name, path)
