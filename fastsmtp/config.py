"""The FASTSMTP_* variables: one typed class, read once, all mistakes reported together.

Sources, strongest first: the environment, `.env` in the current folder, `fastsmtp.env` in
`FASTSMTP_DATA_DIR` (written by the first start). `docs/configuration.md` explains every variable.
"""

import json
import os
import re
import secrets
import socket
from datetime import timedelta
from functools import cache
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from fastsmtp.crypto import parse_keys
from fastsmtp.database import DatabaseURL
from fastsmtp.dns_server import DNSServer
from fastsmtp.http import AddressPolicy

PREFIX = "FASTSMTP_"
MIN_CONNECTIONS = 8  # of one process
DEFAULT_RETRY_SCHEDULE = "5m,30m,2h,5h,10h,14h,20h,24h"


class ConfigError(Exception):
    """The configuration cannot work; `problems` holds one sentence for each wrong variable."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def _split_list(value: Any) -> Any:
    """A list variable is comma-separated, or a JSON list."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        try:
            return json.loads(value)
        except json.JSONDecodeError as error:
            raise ValueError(f"looks like a JSON list but is not one ({error.msg})") from None
    return [item.strip() for item in value.split(",") if item.strip()]


_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def _parse_duration(value: Any) -> Any:
    """`90`, `90s`, `5m`, `2h`, `1d`; a bare number is in seconds."""
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd]?)", value.strip())
    if match is None:
        raise ValueError(f"“{value}” is not a duration such as 90s, 5m, 2h or 1d")
    return timedelta(**{_UNITS[match[2] or "s"]: float(match[1])})


def _host(value: str) -> str:
    if not value or any(char.isspace() for char in value):
        raise ValueError("must be an address or a host name")
    return value


type Port = Annotated[int, Field(ge=1, le=65535)]
type Host = Annotated[str, AfterValidator(_host)]
type Duration = Annotated[timedelta, BeforeValidator(_parse_duration)]
type Network = IPv4Network | IPv6Network
type NetworkList = Annotated[list[Network], NoDecode, BeforeValidator(_split_list)]
type DNSServerItem = Annotated[DNSServer, BeforeValidator(lambda item: DNSServer.parse(str(item)))]
type DNSServerList = Annotated[list[DNSServerItem], NoDecode, BeforeValidator(_split_list)]
type TextList = Annotated[list[str], NoDecode, BeforeValidator(_split_list)]
type DurationList = Annotated[list[Duration], NoDecode, BeforeValidator(_split_list)]


def default_data_dir() -> Path:
    """The XDG data folder of the user (freedesktop.org, Base Directory Specification)."""
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base).expanduser() / "fastsmtp"


class Config(BaseSettings):
    """Every setting. Field `smtp_port` is variable `FASTSMTP_SMTP_PORT`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", validate_default=True)

    data_dir: Path = Field(default_factory=default_data_dir)
    instance_id: str = Field(
        default_factory=lambda: os.environ.get("HOSTNAME") or secrets.token_hex(4)
    )
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "console", "json"] = "auto"
    shutdown_timeout: Duration = timedelta(seconds=30)

    smtp_processes: Annotated[int, Field(ge=1)] = 1
    smtp_host: Host = "0.0.0.0"
    smtp_port: Port = 2525
    smtp_tls_port: Port = 4650
    smtp_tls_cert: Path | None = None
    smtp_tls_key: Path | None = None
    smtp_require_starttls: bool = False
    smtp_hostname: str = ""
    smtp_max_message_size: Annotated[int, Field(ge=1024)] = 10 * 1024 * 1024
    smtp_max_recipients: Annotated[int, Field(ge=1)] = 100
    smtp_max_connections: Annotated[int, Field(ge=1)] = 10_000
    smtp_max_connections_per_address: Annotated[int, Field(ge=1)] = 100
    smtp_trusted_networks: NetworkList = []
    smtp_rate_limit_enabled: bool = True
    smtp_rate_limit_connections_per_minute: Annotated[int, Field(ge=1)] = 120
    smtp_rate_limit_messages_per_minute: Annotated[int, Field(ge=1)] = 1000
    smtp_proxy_networks: NetworkList = []
    smtp_bare_newlines: Literal["reject", "normalize"] = "reject"
    smtp_verify_dkim: bool = True
    smtp_verify_spf: bool = True
    smtp_reject_dkim_fail: bool = False
    smtp_reject_spf_fail: bool = False
    smtp_auth_timeout: Duration = timedelta(seconds=10)
    dns_servers: DNSServerList = []

    queue_max_pending: Annotated[int, Field(ge=0)] = 1_000_000

    api_host: Host = "0.0.0.0"
    api_port: Port = 8000
    api_threads: Annotated[int, Field(ge=1, le=64)] = 8
    public_url: str = ""
    download_url_expiry: Duration = timedelta(days=7)

    database_url: SecretStr | None = None
    database_pool_size: Annotated[int, Field(ge=1)] = 5
    database_pool_max_overflow: Annotated[int, Field(ge=0)] = 10
    redis_url: SecretStr | None = None

    webhook_timeout: Annotated[float, Field(gt=0, le=600)] = 30
    webhook_max_retries: Annotated[int, Field(ge=0, le=20)] = 5
    webhook_retry_base_delay: Annotated[float, Field(gt=0, le=3600)] = 1.0
    webhook_retry_schedule: DurationList = Field(
        default_factory=lambda: [
            _parse_duration(step) for step in DEFAULT_RETRY_SCHEDULE.split(",")
        ]
    )
    webhook_allowed_internal_domains: TextList = []
    webhook_max_inline_attachment_size: Annotated[int, Field(ge=0)] = 10 * 1024 * 1024
    webhook_max_inline_payload_size: Annotated[int, Field(ge=0)] = 50 * 1024 * 1024

    attachment_storage: Literal["inline", "s3"] = "inline"
    preserve_raw_message: bool = False
    preserve_raw_required: bool = False
    s3_endpoint_url: str = ""
    s3_bucket: str = ""
    s3_access_key: SecretStr = SecretStr("")
    s3_secret_key: SecretStr = SecretStr("")
    s3_region: str = "us-east-1"
    s3_prefix: str = "attachments"
    s3_raw_prefix: str = "raw"
    s3_presigned_urls: bool = False
    s3_presigned_url_expiry: Annotated[int, Field(ge=1, le=604800)] = 3600

    root_api_key: SecretStr | None = None
    secret_key: SecretStr | None = None
    encryption_key: SecretStr | None = None
    api_key_hash_algorithm: Literal["sha256"] = "sha256"
    admin_allowed_hosts: TextList = ["*"]

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
        servers = (self.database.port_in_use, urlsplit(self.broker_url).port)
        listeners = (self.smtp_port, self.smtp_tls_port, self.api_port)
        return frozenset(port for port in (*listeners, *servers) if port)

    @property
    def address_policy(self) -> AddressPolicy:
        return AddressPolicy.parse(self.webhook_allowed_internal_domains, self.own_ports)

    @model_validator(mode="before")
    @classmethod
    def _empty_is_unset(cls, values: dict[str, Any]) -> dict[str, Any]:
        # Compose files pass empty variables on. An empty retry schedule, however, means none.
        return {
            name: value
            for name, value in values.items()
            if value != "" or name == "webhook_retry_schedule"
        }

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("smtp_tls_cert")
    @classmethod
    def _readable(cls, value: Path | None) -> Path | None:
        if value is not None and not os.access(value, os.R_OK):
            raise ValueError(f"{value} cannot be read")
        return value

    @field_validator("smtp_tls_key")
    @classmethod
    def _key_with_certificate(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if "smtp_tls_cert" in info.data and (value is None) != (info.data["smtp_tls_cert"] is None):
            raise ValueError("a certificate and its key must be set together")
        return cls._readable(value)

    @field_validator("smtp_require_starttls")
    @classmethod
    def _starttls_possible(cls, value: bool, info: ValidationInfo) -> bool:
        if value and info.data.get("smtp_tls_cert", True) is None:
            raise ValueError("STARTTLS cannot be required without FASTSMTP_SMTP_TLS_CERT")
        return value

    @field_validator("public_url", "s3_endpoint_url")
    @classmethod
    def _web_address(cls, value: str) -> str:
        if value and not (value.startswith(("http://", "https://")) and urlsplit(value).hostname):
            raise ValueError("must be an address such as https://mail.example.com")
        return value

    @field_validator("s3_bucket", "s3_access_key", "s3_secret_key")
    @classmethod
    def _required_for_s3(cls, value: Any, info: ValidationInfo) -> Any:
        is_needed = (
            info.data.get("attachment_storage") == "s3"
            or info.data.get("preserve_raw_message")
            or info.data.get("preserve_raw_required")
            or info.data.get("s3_bucket")
        )
        if is_needed and not value:
            raise ValueError("is required to store in S3")
        return value

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            DatabaseURL.parse(value.get_secret_value())
        return value

    @field_validator("redis_url")
    @classmethod
    def _known_broker(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if value is None:
            return cls._required_on_servers(value, info)
        if not value.get_secret_value().startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("must begin with redis://, rediss:// or unix://")
        return value

    @field_validator("root_api_key", "secret_key")
    @classmethod
    def _long_enough(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if value is None:
            return cls._required_on_servers(value, info)
        if len(value.get_secret_value()) < 16:
            raise ValueError("must have at least 16 characters")
        return value

    @field_validator("encryption_key")
    @classmethod
    def _usable_keys(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if value is None:
            return cls._required_on_servers(value, info)
        parse_keys(value.get_secret_value())
        return value

    @field_validator("database_pool_max_overflow")
    @classmethod
    def _enough_connections(cls, value: int, info: ValidationInfo) -> int:
        if info.data.get("database_pool_size", MIN_CONNECTIONS) + value < MIN_CONNECTIONS:
            raise ValueError(
                f"with FASTSMTP_DATABASE_POOL_SIZE, must allow {MIN_CONNECTIONS} connections: "
                "a worker has as many threads that use the database"
            )
        return value

    @field_validator("webhook_allowed_internal_domains")
    @classmethod
    def _known_ranges(cls, value: list[str]) -> list[str]:
        AddressPolicy.parse(value, frozenset())
        return value

    @classmethod
    def _required_on_servers(cls, value: None, info: ValidationInfo) -> None:
        """The first start of an embedded installation writes these; elsewhere the operator does."""
        if info.data.get("database_url") is not None:
            raise ValueError("is required when FASTSMTP_DATABASE_URL is set")
        return value

    @classmethod
    def read(cls) -> Self:
        """Reads every source; raises `ConfigError` with one sentence for each wrong variable."""
        name = f"{PREFIX}DATA_DIR"
        chosen = os.environ.get(name) or dotenv_values(".env").get(name) or default_data_dir()
        data_dir = Path(chosen).expanduser()
        try:
            # The later file wins, the environment wins over both.
            return cls(_env_file=(secrets_file(data_dir), ".env"))
        except ValidationError as error:
            raise ConfigError([_sentence(item) for item in error.errors()]) from None


def secrets_file(data_dir: Path) -> Path:
    """Where the first start of an embedded installation writes what it generated."""
    return data_dir / "fastsmtp.env"


def _sentence(error: Any) -> str:
    variable = PREFIX + str(error["loc"][0]).upper()
    reason = error["msg"].removeprefix("Value error, ")
    return f"{variable}: {reason[:1].lower()}{reason[1:]}."


@cache
def config() -> Config:
    """The configuration of this process."""
    return Config.read()
