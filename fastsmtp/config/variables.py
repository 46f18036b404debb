"""The variables: each field is one of them, with its type and its default."""

import os
import secrets
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from fastsmtp.config.sources import default_data_dir, find_sources
from fastsmtp.config.types import (
    Days,
    DNSServerList,
    Duration,
    DurationList,
    Host,
    NetworkList,
    Port,
    TextList,
    parse_duration,
)

PREFIX = "FASTSMTP_"
DEFAULT_RETRY_SCHEDULE = "5m,30m,2h,5h,10h,14h,20h,24h"


class Variables(BaseSettings):
    """Field `smtp_port` is variable `FASTSMTP_SMTP_PORT`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", validate_default=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return tuple(find_sources(settings_cls).values())

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
        default_factory=lambda: [parse_duration(step) for step in DEFAULT_RETRY_SCHEDULE.split(",")]
    )
    webhook_allowed_internal_domains: TextList = []
    webhook_max_inline_attachment_size: Annotated[int, Field(ge=0)] = 10 * 1024 * 1024
    webhook_max_inline_payload_size: Annotated[int, Field(ge=0)] = 50 * 1024 * 1024

    events_grace: Duration = timedelta(minutes=2)
    events_interval: Duration = timedelta(hours=1)
    events_webhook_url: str = ""
    events_webhook_secret: SecretStr = SecretStr("")
    events_mail_relay: SecretStr = SecretStr("")
    events_mail_from: str = ""

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

    message_retention_days: Days = 30
    raw_retention_days: Days | None = None
    delivery_log_retention_days: Days = 30
    held_max_days: Days = 30
    quarantine_max_days: Days = 90

    root_api_key: SecretStr | None = None
    secret_key: SecretStr | None = None
    encryption_key: SecretStr | None = None
    api_key_hash_algorithm: Literal["sha256"] = "sha256"
    admin_allowed_hosts: TextList = ["*"]
