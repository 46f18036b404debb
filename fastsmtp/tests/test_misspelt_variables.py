"""A variable that nothing reads is pointed out before somebody relies on it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.checks import run_checks

from fastsmtp.checks import unknown_variables
from harness.environment import bare_environment


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _warnings() -> dict[str, str | None]:
    return {
        warning.msg.split()[0]: warning.hint
        for warning in run_checks()
        if warning.id == "fastsmtp.W001"
    }


def test_what_is_right_is_not_mentioned() -> None:
    assert _warnings() == {}


def test_a_misspelt_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTSMTP_SMPT_PORT", "2525")
    assert _warnings() == {"FASTSMTP_SMPT_PORT": "Did you mean FASTSMTP_SMTP_PORT?"}


def test_a_misspelt_variable_in_the_env_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FASTSMTP_ENV_FILE")
    Path(".env").write_text("FASTSMTP_LOGLEVEL=debug\nOTHER=1\n")
    assert _warnings() == {"FASTSMTP_LOGLEVEL": "Did you mean FASTSMTP_LOG_LEVEL?"}


def test_a_variable_like_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTSMTP_QZXJ", "1")
    assert _warnings() == {"FASTSMTP_QZXJ": None}


def test_a_misspelt_variable_in_the_file_of_the_first_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FASTSMTP_DATA_DIR", str(tmp_path))
    Path("fastsmtp.env").write_text("FASTSMTP_SMTP_PROT=25\n")
    assert _warnings() == {"FASTSMTP_SMTP_PROT": "Did you mean FASTSMTP_SMTP_PORT?"}


@pytest.mark.embedded
@pytest.mark.parametrize(
    "arguments",
    [["serve"], ["serve", "--worker-only"], ["init", "--no-input"], ["show_config", "--json"]],
)
def test_what_runs_without_the_other_checks_logs_it_once(
    tmp_path: Path, arguments: list[str]
) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "fastsmtp", *arguments],
        env={
            **bare_environment(),
            "FASTSMTP_DATA_DIR": str(tmp_path / "data"),
            "FASTSMTP_API_HOST": "192.0.2.1",  # not ours: `serve` ends at once
            "FASTSMTP_SMTP_PROT": "25",
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    [line] = [json.loads(line) for line in run.stderr.splitlines() if line.startswith("{")]
    assert line["level"] == "warning"
    assert line["event"] == "FASTSMTP_SMTP_PROT is not a variable of FastSMTP."
    assert line["hint"] == "Did you mean FASTSMTP_SMTP_PORT?"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FASTSMTP_SERVICE_HOST", "10.0.0.1"),
        ("FASTSMTP_SERVICE_PORT", "8000"),
        ("FASTSMTP_WEB_SERVICE_PORT_HTTP", "8000"),
        ("FASTSMTP_PORT", "tcp://10.0.0.1:8000"),
        ("FASTSMTP_PORT_8000_TCP", "tcp://10.0.0.1:8000"),
        ("FASTSMTP_PORT_8000_TCP_ADDR", "10.0.0.1"),
        ("OTHER_SMPT_PORT", "1"),
    ],
)
def test_what_kubernetes_sets_is_not_misspelt(name: str, value: str) -> None:
    assert list(unknown_variables({name.lower(): value})) == []
