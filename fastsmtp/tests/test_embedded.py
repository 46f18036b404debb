import stat
from pathlib import Path

import pytest
from dotenv import dotenv_values

from fastsmtp.config import PREFIX, Config, config
from fastsmtp.crypto import parse_keys
from fastsmtp.embedded import LOOPBACK_ONLY, prepare

GENERATED = {"FASTSMTP_SECRET_KEY", "FASTSMTP_ENCRYPTION_KEY", "FASTSMTP_ROOT_API_KEY"}
DEFAULTS = {"FASTSMTP_API_HOST", "FASTSMTP_WEBHOOK_ALLOWED_INTERNAL_DOMAINS"}


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where nothing is yet, for a process that is told nothing."""
    for name in Config.model_fields:
        monkeypatch.delenv(PREFIX + name.upper(), raising=False)
    folder = tmp_path / "made" / "by-us"
    monkeypatch.setenv("FASTSMTP_DATA_DIR", str(folder))
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.fixture(autouse=True)
def _configuration_of_this_process() -> object:
    yield
    config.cache_clear()


def written(data_dir: Path) -> dict[str, str | None]:
    return dotenv_values(data_dir / "fastsmtp.env")


def test_the_first_start_writes_what_it_needs_for_our_eyes_only(data_dir: Path) -> None:
    prepared = prepare(Config.read())
    assert written(data_dir).keys() == GENERATED | DEFAULTS
    assert stat.S_IMODE(data_dir.stat().st_mode) == 0o700
    assert stat.S_IMODE((data_dir / "fastsmtp.env").stat().st_mode) == 0o600
    assert prepared.root_api_key is not None
    assert len(prepared.root_api_key.get_secret_value()) == len("fsmtp_") + 43
    assert prepared.encryption_key is not None
    assert parse_keys(prepared.encryption_key.get_secret_value())
    assert prepared.api_host == "127.0.0.1"


def test_a_second_start_changes_nothing(data_dir: Path) -> None:
    first = prepare(Config.read())
    text = (data_dir / "fastsmtp.env").read_text()
    second = prepare(Config.read())
    assert (data_dir / "fastsmtp.env").read_text() == text
    assert second.encryption_key == first.encryption_key


def test_what_the_environment_says_is_not_written(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FASTSMTP_ROOT_API_KEY", "chosen-by-the-operator")
    prepared = prepare(Config.read())
    assert "FASTSMTP_ROOT_API_KEY" not in written(data_dir)
    assert prepared.root_api_key is not None
    assert prepared.root_api_key.get_secret_value() == "chosen-by-the-operator"


def test_a_secret_that_is_missing_later_is_added_to_the_others(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FASTSMTP_ROOT_API_KEY", "chosen-by-the-operator")
    before = prepare(Config.read())
    monkeypatch.delenv("FASTSMTP_ROOT_API_KEY")
    after = prepare(Config.read())
    assert written(data_dir).keys() == GENERATED | DEFAULTS
    assert after.encryption_key == before.encryption_key


def test_an_empty_variable_is_no_missing_secret(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = prepare(Config.read())
    text = (data_dir / "fastsmtp.env").read_text()
    monkeypatch.setenv("FASTSMTP_ENCRYPTION_KEY", "")
    after = prepare(Config.read())
    assert (data_dir / "fastsmtp.env").read_text() == text
    assert after.encryption_key == before.encryption_key


@pytest.mark.parametrize(
    ("host", "is_opened"), [("127.0.0.1", True), ("::1", True), ("0.0.0.0", False)]
)
def test_webhooks_to_this_machine_only_where_the_api_is_private(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, host: str, is_opened: bool
) -> None:
    monkeypatch.setenv("FASTSMTP_API_HOST", host)
    prepare(Config.read())
    opened = written(data_dir).get("FASTSMTP_WEBHOOK_ALLOWED_INTERNAL_DOMAINS")
    assert opened == (LOOPBACK_ONLY if is_opened else None)
