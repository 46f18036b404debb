import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from fastsmtp.config import Config, config


@pytest.fixture(autouse=True)
def _read_again() -> object:
    config.cache_clear()
    yield
    config.cache_clear()


def shown() -> dict[str, dict[str, str]]:
    output = StringIO()
    call_command("show_config", "--json", stdout=output)
    return {row["variable"]: row for row in json.loads(output.getvalue())}


def test_every_variable_is_there_with_its_source(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FASTSMTP_WEBHOOK_TIMEOUT", "12")
    monkeypatch.setenv("FASTSMTP_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("FASTSMTP_API_HOST")
    (tmp_path / "fastsmtp.env").write_text("FASTSMTP_API_HOST=::1\nFASTSMTP_WEBHOOK_TIMEOUT=13\n")
    rows = shown()
    assert len(rows) == len(Config.model_fields)
    assert (rows["FASTSMTP_WEBHOOK_TIMEOUT"]["value"]) == "12.0"
    assert (rows["FASTSMTP_WEBHOOK_TIMEOUT"]["source"]) == "environment"
    assert (rows["FASTSMTP_API_HOST"]["value"]) == "::1"
    assert (rows["FASTSMTP_API_HOST"]["source"]) == "fastsmtp.env"
    assert (rows["FASTSMTP_LOG_FORMAT"]["source"]) == "default"


def test_what_is_empty_is_no_source_but_for_the_schedule(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FASTSMTP_DATA_DIR", str(tmp_path))
    (tmp_path / "fastsmtp.env").write_text("FASTSMTP_API_PORT=1001\n")
    for name in ("API_PORT", "PUBLIC_URL", "WEBHOOK_RETRY_SCHEDULE"):
        monkeypatch.setenv(f"FASTSMTP_{name}", "")
    rows = shown()
    assert rows["FASTSMTP_API_PORT"]["value"] == "1001"
    assert rows["FASTSMTP_API_PORT"]["source"] == "fastsmtp.env"
    assert rows["FASTSMTP_PUBLIC_URL"]["source"] == "default"
    assert rows["FASTSMTP_WEBHOOK_RETRY_SCHEDULE"]["value"] == ""
    assert rows["FASTSMTP_WEBHOOK_RETRY_SCHEDULE"]["source"] == "environment"


def test_lists_and_durations_are_shown_as_they_are_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FASTSMTP_WEBHOOK_RETRY_SCHEDULE", "5m, 1h")
    assert shown()["FASTSMTP_WEBHOOK_RETRY_SCHEDULE"]["value"] == "300s,3600s"


def test_name_servers_are_shown_with_their_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTSMTP_DNS_SERVERS", "192.0.2.1,[2001:db8::1]:5353")
    assert shown()["FASTSMTP_DNS_SERVERS"]["value"] == "192.0.2.1:53,[2001:db8::1]:5353"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://user:hidden@host:1/0", "redis://user:********@host:1/0"),
        ("redis://:hidden@host", "redis://:********@host"),
        ("redis://host/0?password=hidden&a=b", "redis://host/0?password=********&a=b"),
        ("redis://u:hid@den@host", "redis://u:********@host"),
        ("unix:///run/broker.sock?db=1", "unix:///run/broker.sock?db=1"),
    ],
)
def test_of_a_url_the_password_is_masked(
    monkeypatch: pytest.MonkeyPatch, url: str, expected: str
) -> None:
    monkeypatch.setenv("FASTSMTP_REDIS_URL", url)
    assert shown()["FASTSMTP_REDIS_URL"]["value"] == expected


def test_secrets_are_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTSMTP_S3_SECRET_KEY", "hidden")
    rows = shown()
    for name in ("S3_SECRET_KEY", "SECRET_KEY", "ENCRYPTION_KEY", "ROOT_API_KEY"):
        assert rows[f"FASTSMTP_{name}"]["value"] == "********"
