"""What a variable has to be beside its type, and how it depends on those before it."""

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr, ValidationInfo, field_validator

from fastsmtp.config.variables import Variables
from fastsmtp.crypto import parse_keys
from fastsmtp.database import DatabaseURL
from fastsmtp.http import AddressPolicy
from fastsmtp.http.targets import parse_target
from fastsmtp.mail.address import parse_mailbox
from fastsmtp.mail_relay import MailRelay
from fastsmtp.webhook_secret import SECRET_FORM, require_secret

MIN_CONNECTIONS = 10  # of one process: a courier has eight threads that use it, tasks have two


class CheckedVariables(Variables):
    """Each check says in a sentence what is wrong. Variables are checked in the order in which they
    stand in `Variables`; those before are in `info.data` if they are right."""

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
        try:
            _ = urlsplit(value.get_secret_value()).port
        except ValueError:
            raise ValueError("is not a URL of Redis") from None
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

    @field_validator("events_webhook_url")
    @classmethod
    def _callable(cls, value: str) -> str:
        if value:
            parse_target(value)
        return value

    @field_validator("events_webhook_secret")
    @classmethod
    def _signs_events(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        secret = value.get_secret_value()
        if secret:
            require_secret(secret)
        elif info.data.get("events_webhook_url"):
            raise ValueError(f"is required with FASTSMTP_EVENTS_WEBHOOK_URL: {SECRET_FORM}")
        return value

    @field_validator("events_mail_relay")
    @classmethod
    def _known_relay(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value():
            MailRelay.parse(value.get_secret_value())
        return value

    @field_validator("events_mail_from")
    @classmethod
    def _mailbox_with_relay(cls, value: str, info: ValidationInfo) -> str:
        if value:
            try:
                return parse_mailbox(value).address
            except ValueError as error:
                raise ValueError(str(error).removesuffix(".")) from None
        if "events_mail_relay" in info.data and info.data["events_mail_relay"].get_secret_value():
            raise ValueError("is required with FASTSMTP_EVENTS_MAIL_RELAY")
        return value

    @classmethod
    def _required_on_servers(cls, value: None, info: ValidationInfo) -> None:
        """The first start of an embedded installation writes these; elsewhere the operator does."""
        if info.data.get("database_url") is not None:
            raise ValueError("is required when FASTSMTP_DATABASE_URL is set")
        return value
