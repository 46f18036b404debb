"""The configuration of a process: what follows from the variables, and where they are read."""

import socket
from functools import cache
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from pydantic import ValidationError

from fastsmtp.config.checks import CheckedVariables
from fastsmtp.config.variables import PREFIX
from fastsmtp.database import DatabaseURL
from fastsmtp.http import AddressPolicy
from fastsmtp.mail_relay import MailRelay

REDIS_PORT = 6379  # where its URL names none


class ConfigError(Exception):
    """The configuration cannot work; `problems` holds one sentence for each wrong variable."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Config(CheckedVariables):
    """Every setting."""

    @property
    def is_embedded(self) -> bool:
        """Nothing is configured: SQLite and a local broker inside the data folder."""
        return self.database_url is None

    @property
    def has_certificate(self) -> bool:
        return self.smtp_tls_cert is not None

    @property
    def our_hostname(self) -> str:
        """In the greeting and in what we write into mail."""
        return self.smtp_hostname or socket.gethostname()

    @property
    def public_address(self) -> str:
        """Where receivers reach the web role, without a slash at the end."""
        if self.public_url:
            return self.public_url.rstrip("/")
        host = self.our_hostname if self.api_host in ("0.0.0.0", "::") else self.api_host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.api_port}"

    @property
    def database(self) -> DatabaseURL:
        if self.database_url is None:
            return DatabaseURL(engine="sqlite", name=str(self.data_dir / "fastsmtp.sqlite3"))
        return DatabaseURL.parse(self.database_url.get_secret_value())

    @property
    def max_connections(self) -> int:
        """To the database, of one process."""
        return self.database_pool_size + self.database_pool_max_overflow

    @property
    def broker_socket(self) -> Path:
        return self.data_dir / "broker.sock"

    @property
    def broker_url(self) -> str:
        """Redis as redis-py writes it: redis://, rediss:// or unix://."""
        if self.redis_url is not None:
            return self.redis_url.get_secret_value()
        return f"unix://{self.broker_socket}?db=0"

    @property
    def own_ports(self) -> frozenset[int]:
        """What listens for us, and so is never the target of a webhook on this machine."""
        listeners = (self.smtp_port, self.smtp_tls_port, self.api_port)
        servers = (self.database.port_in_use, self._broker_port)
        return frozenset(port for port in (*listeners, *servers) if port)

    @property
    def _broker_port(self) -> int | None:
        url = urlsplit(self.broker_url)
        return None if url.scheme == "unix" else url.port or REDIS_PORT

    @property
    def address_policy(self) -> AddressPolicy:
        return AddressPolicy.parse(self.webhook_allowed_internal_domains, self.own_ports)

    @property
    def mail_relay(self) -> MailRelay | None:
        """What takes the mail that tells of events; None when there is none."""
        relay = self.events_mail_relay.get_secret_value()
        return MailRelay.parse(relay) if relay else None

    @classmethod
    def read(cls) -> Self:
        """Reads every source; raises `ConfigError` with one sentence for each wrong variable."""
        try:
            return cls()
        except ValidationError as error:
            raise ConfigError([_sentence(item) for item in error.errors()]) from None


def _sentence(error: Any) -> str:
    variable = PREFIX + str(error["loc"][0]).upper()
    reason = error["msg"].removeprefix("Value error, ")
    return f"{variable}: {reason[:1].lower()}{reason[1:]}."


@cache
def config() -> Config:
    """The configuration of this process."""
    return Config.read()
