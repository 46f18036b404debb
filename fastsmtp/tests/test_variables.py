"""What the FASTSMTP_* variables may hold, and the sentences for what they may not."""

import base64
import os
from datetime import timedelta
from pathlib import Path

import pytest

from fastsmtp.config import Config, ConfigError
from fastsmtp.dns_server import DNSServer

KEY = base64.urlsafe_b64encode(b"k" * 32).decode()
EVENTS_SECRET = f"whsec_{base64.b64encode(b'k' * 32).decode()}"
SERVER = {
    "DATABASE_URL": "postgresql://u:p@db/name",
    "REDIS_URL": "redis://redis",
    "ROOT_API_KEY": "r" * 16,
    "SECRET_KEY": "s" * 16,
    "ENCRYPTION_KEY": KEY,
}


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("FASTSMTP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("FASTSMTP_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)


def _set(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    for name, value in values.items():
        monkeypatch.setenv(f"FASTSMTP_{name}", value)


def _problems() -> list[str]:
    with pytest.raises(ConfigError) as error:
        Config.read()
    return error.value.problems


def test_nothing_set_is_an_embedded_installation(tmp_path: Path) -> None:
    config = Config.read()

    assert config.is_embedded
    assert config.database.name == str(tmp_path / "data" / "fastsmtp.sqlite3")
    assert config.smtp_port == 2525
    assert config.webhook_retry_schedule[0] == timedelta(minutes=5)


def test_a_database_url_makes_the_other_four_required(monkeypatch: pytest.MonkeyPatch) -> None:
    _set(monkeypatch, DATABASE_URL=SERVER["DATABASE_URL"])

    assert _problems() == [
        f"FASTSMTP_{name}: is required when FASTSMTP_DATABASE_URL is set."
        for name in ("REDIS_URL", "ROOT_API_KEY", "SECRET_KEY", "ENCRYPTION_KEY")
    ]


@pytest.mark.parametrize(
    ("url", "engine", "host"),
    [
        ("postgresql+asyncpg://u:p%40ss@db:6543/name", "postgresql", "db"),
        ("postgres:///name?host=/run/postgresql", "postgresql", "/run/postgresql"),
        ("mysql+aiomysql://u:p%40ss@db/name", "mysql", "db"),
        ("mariadb://u:p%40ss@db/name", "mysql", "db"),
        ("sqlite:////var/lib/fastsmtp/db.sqlite3", "sqlite", ""),
    ],
)
def test_forms_of_a_database_url(
    monkeypatch: pytest.MonkeyPatch, url: str, engine: str, host: str
) -> None:
    _set(monkeypatch, **{**SERVER, "DATABASE_URL": url})

    database = Config.read().database

    assert (database.engine, database.host) == (engine, host)
    assert database.password in ("p@ss", "")


def test_all_wrong_variables_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    _set(
        monkeypatch,
        SMTP_PORT="70000",
        DATABASE_URL="oracle://db/x",
        WEBHOOK_RETRY_SCHEDULE="5m,soon",
        SMTP_TLS_CERT="/nowhere.pem",
        WEBHOOK_ALLOWED_INTERNAL_DOMAINS='["10.0.0.0/8"',
    )

    names = [problem.partition(":")[0] for problem in _problems()]

    assert sorted(names) == [
        "FASTSMTP_DATABASE_URL",
        "FASTSMTP_SMTP_PORT",
        "FASTSMTP_SMTP_TLS_CERT",
        "FASTSMTP_WEBHOOK_ALLOWED_INTERNAL_DOMAINS",
        "FASTSMTP_WEBHOOK_RETRY_SCHEDULE",
    ]


@pytest.mark.parametrize(
    ("values", "variable"),
    [
        ({"SMTP_REQUIRE_STARTTLS": "true"}, "SMTP_REQUIRE_STARTTLS"),
        ({"SMTP_TLS_KEY": "/etc/hostname"}, "SMTP_TLS_KEY"),
        (
            {"ATTACHMENT_STORAGE": "s3", "S3_ACCESS_KEY": "a", "S3_SECRET_KEY": "b"},
            "S3_BUCKET",
        ),
        ({"ATTACHMENT_STORAGE": "s3", "S3_BUCKET": "a", "S3_ACCESS_KEY": "b"}, "S3_SECRET_KEY"),
        (
            {"PRESERVE_RAW_MESSAGE": "true", "S3_BUCKET": "a", "S3_SECRET_KEY": "b"},
            "S3_ACCESS_KEY",
        ),
        ({"PUBLIC_URL": "mail.example.com"}, "PUBLIC_URL"),
        ({"S3_ENDPOINT_URL": "minio:9000"}, "S3_ENDPOINT_URL"),
        ({"S3_BUCKET": "a", "S3_ACCESS_KEY": "b"}, "S3_SECRET_KEY"),
        (
            {"PRESERVE_RAW_REQUIRED": "true", "S3_ACCESS_KEY": "a", "S3_SECRET_KEY": "b"},
            "S3_BUCKET",
        ),
        ({"REDIS_URL": "amqp://rabbit"}, "REDIS_URL"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY"),
        ({"ENCRYPTION_KEY": "bm90IDMyIGJ5dGVz"}, "ENCRYPTION_KEY"),
        ({"DNS_SERVERS": "dns.example"}, "DNS_SERVERS"),
        ({"DNS_SERVERS": "[5]"}, "DNS_SERVERS"),
        ({"DNS_SERVERS": "192.0.2.1:0"}, "DNS_SERVERS"),
        ({"DNS_SERVERS": "192.0.2.1:65536"}, "DNS_SERVERS"),
        ({"DNS_SERVERS": "192.0.2.1:"}, "DNS_SERVERS"),
        ({"DNS_SERVERS": "[192.0.2.1]:53"}, "DNS_SERVERS"),
        ({"DNS_SERVERS": "[2001:db8::1]"}, "DNS_SERVERS"),
        ({"EVENTS_GRACE": "soon"}, "EVENTS_GRACE"),
        ({"SHUTDOWN_TIMEOUT": "9999999999d"}, "SHUTDOWN_TIMEOUT"),
        ({"SHUTDOWN_TIMEOUT": "9" * 400}, "SHUTDOWN_TIMEOUT"),
        ({"WEBHOOK_RETRY_SCHEDULE": "5m,3651d"}, "WEBHOOK_RETRY_SCHEDULE"),
        ({"REDIS_URL": "redis://redis:port/0"}, "REDIS_URL"),
        ({"REDIS_URL": "redis://[redis/0"}, "REDIS_URL"),
        (
            {"EVENTS_WEBHOOK_URL": "hooks.example", "EVENTS_WEBHOOK_SECRET": EVENTS_SECRET},
            "EVENTS_WEBHOOK_URL",
        ),
        ({"EVENTS_WEBHOOK_URL": "https://hooks.example/"}, "EVENTS_WEBHOOK_SECRET"),
        ({"EVENTS_WEBHOOK_SECRET": "a plain word"}, "EVENTS_WEBHOOK_SECRET"),
        ({"EVENTS_WEBHOOK_SECRET": "whsec_c2hvcnQ="}, "EVENTS_WEBHOOK_SECRET"),
        ({"EVENTS_WEBHOOK_SECRET": "whsec_not/base64!"}, "EVENTS_WEBHOOK_SECRET"),
        ({"EVENTS_MAIL_RELAY": "smtp://relay.example"}, "EVENTS_MAIL_FROM"),
        ({"EVENTS_MAIL_FROM": "FastSMTP"}, "EVENTS_MAIL_FROM"),
        ({"EVENTS_MAIL_FROM": "a@b.example\nBcc: x@y.example"}, "EVENTS_MAIL_FROM"),
        *(
            ({"EVENTS_MAIL_RELAY": relay, "EVENTS_MAIL_FROM": "a@b.example"}, "EVENTS_MAIL_RELAY")
            for relay in (
                "relay.example:587",
                "http://relay.example",
                "smtp://",
                "smtp://relay.example:port",
                "smtp://relay.example/?starttls=no",
                "smtp://user@relay.example",
                "smtp://:password@relay.example",
            )
        ),
        (
            {"DATABASE_POOL_SIZE": "3", "DATABASE_POOL_MAX_OVERFLOW": "0"},
            "DATABASE_POOL_MAX_OVERFLOW",
        ),
    ],
)
def test_what_cannot_work_is_refused(
    monkeypatch: pytest.MonkeyPatch, values: dict[str, str], variable: str
) -> None:
    _set(monkeypatch, **values)

    problems = _problems()

    assert len(problems) == 1
    assert problems[0].startswith(f"FASTSMTP_{variable}: ")
    assert problems[0].endswith(".")


@pytest.mark.parametrize(
    ("url", "port"),
    [
        ("redis://localhost/0", 6379),
        ("rediss://localhost:6380/0", 6380),
        ("unix:///run/redis.sock?db=0", None),
    ],
)
def test_our_broker_is_no_target(
    monkeypatch: pytest.MonkeyPatch, url: str, port: int | None
) -> None:
    before = Config.read().own_ports
    _set(monkeypatch, REDIS_URL=url)
    assert Config.read().own_ports - before == ({port} if port else set())


@pytest.mark.parametrize("text", ["localhost, 10.0.0.0/8", '["localhost", "10.0.0.0/8"]'])
def test_a_list_is_comma_separated_or_json(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    _set(monkeypatch, WEBHOOK_ALLOWED_INTERNAL_DOMAINS=text)

    assert Config.read().webhook_allowed_internal_domains == ["localhost", "10.0.0.0/8"]


def test_a_name_server_is_an_address_with_or_without_a_port(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _set(monkeypatch, DNS_SERVERS="192.0.2.1, 192.0.2.2:5353, 2001:db8::1, [2001:db8::2]:5353")

    assert Config.read().dns_servers == [
        DNSServer("192.0.2.1", 53),
        DNSServer("192.0.2.2", 5353),
        DNSServer("2001:db8::1", 53),
        DNSServer("2001:db8::2", 5353),
    ]


def test_empty_means_unset_but_an_empty_schedule_means_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _set(monkeypatch, SMTP_TLS_CERT="", DATABASE_URL="", WEBHOOK_RETRY_SCHEDULE="")

    config = Config.read()

    assert config.smtp_tls_cert is None
    assert config.is_embedded
    assert config.webhook_retry_schedule == []


def test_the_environment_wins_over_dotenv_and_that_over_the_generated_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "fastsmtp.env").write_text(
        "FASTSMTP_API_PORT=1001\nFASTSMTP_SMTP_PORT=1002\nFASTSMTP_SMTP_TLS_PORT=1003\n"
    )
    (tmp_path / ".env").write_text("FASTSMTP_SMTP_PORT=2002\nFASTSMTP_SMTP_TLS_PORT=2003\n")
    _set(monkeypatch, SMTP_TLS_PORT="3003")

    config = Config.read()

    assert (config.api_port, config.smtp_port, config.smtp_tls_port) == (1001, 2002, 3003)


def test_what_is_empty_hides_nothing_that_is_set_elsewhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "fastsmtp.env").write_text(
        "FASTSMTP_API_HOST=127.0.0.1\nFASTSMTP_API_PORT=1001\n"
    )
    (tmp_path / ".env").write_text("FASTSMTP_SMTP_PORT=2002\nFASTSMTP_API_PORT=\n")
    _set(monkeypatch, API_HOST="", SMTP_PORT="", INSTANCE_ID="")

    config = Config.read()

    assert (config.api_host, config.api_port, config.smtp_port) == ("127.0.0.1", 1001, 2002)
    assert "instance_id" not in config.model_fields_set


def test_an_empty_data_dir_hides_none_either(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text(f"FASTSMTP_DATA_DIR={tmp_path / 'elsewhere'}\n")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "fastsmtp.env").write_text("FASTSMTP_API_PORT=1001\n")
    _set(monkeypatch, DATA_DIR="")

    config = Config.read()

    assert (config.data_dir, config.api_port) == (tmp_path / "elsewhere", 1001)


def test_an_empty_schedule_wins_over_one_elsewhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("FASTSMTP_WEBHOOK_RETRY_SCHEDULE=5m\n")
    _set(monkeypatch, WEBHOOK_RETRY_SCHEDULE="")

    assert Config.read().webhook_retry_schedule == []


def test_no_sentence_repeats_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    _set(
        monkeypatch,
        DATABASE_URL="oracle://u:canary@db/x",
        SECRET_KEY="canary",
        REDIS_URL="x://canary",
        EVENTS_WEBHOOK_SECRET="canary",
        EVENTS_MAIL_RELAY="smtp://user:canary@relay.example:0:0",
    )

    assert "canary" not in " ".join(_problems())


@pytest.mark.parametrize(
    "name",
    [
        "MESSAGE_RETENTION_DAYS",
        "RAW_RETENTION_DAYS",
        "DELIVERY_LOG_RETENTION_DAYS",
        "HELD_MAX_DAYS",
        "QUARANTINE_MAX_DAYS",
    ],
)
def test_a_retention_is_some_days(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for value in ("0", "36500"):
        _set(monkeypatch, **{name: value})
        assert getattr(Config.read(), name.lower()) == int(value)
    for value in ("-1", "36501", "30d"):
        _set(monkeypatch, **{name: value})
        assert [problem.split(":")[0] for problem in _problems()] == [f"FASTSMTP_{name}"]
