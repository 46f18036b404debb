"""With a key that opens nothing of what is stored, every call would fail: so nothing starts."""

import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection

from accounts.models import Domain
from delivery.models import Endpoint, Recipient
from delivery.tests.encryption_keys import forget_keys, lose, use_keys
from delivery.tests.records import URL
from fastsmtp.config import ConfigError
from fastsmtp.crypto import generate_key
from fastsmtp.encrypted_columns import EncryptedColumn
from fastsmtp.stored_secrets import SAMPLE, require_right_key
from harness.environment import bare_environment

pytestmark = pytest.mark.django_db

STORE_A_SECRET = """
from accounts.models import Domain
from delivery.models import Endpoint
domain = Domain.objects.create(domain_name="example.com")
Endpoint.objects.create(domain=domain, url="http://127.0.0.1:9/")
"""


@pytest.fixture
def wrong_key(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    yield
    forget_keys()


@pytest.fixture
def recipients(domain: Domain) -> list[Recipient]:
    return [
        Recipient.objects.create(
            domain=domain, local_part=f"r{number}", webhook_url=URL, webhook_headers={"X": "1"}
        )
        for number in range(3 * SAMPLE)
    ]


@pytest.mark.usefixtures("wrong_key")
def test_a_wrong_key(endpoint: Endpoint, recipients: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    require_right_key()
    use_keys(monkeypatch, generate_key())
    with pytest.raises(ConfigError, match="opens none of the secrets"):
        require_right_key()


@pytest.mark.usefixtures("wrong_key")
def test_nothing_stored_fits_every_key(domain: Domain, monkeypatch: pytest.MonkeyPatch) -> None:
    use_keys(monkeypatch, generate_key())
    require_right_key()


@pytest.mark.usefixtures("wrong_key")
def test_an_older_key_is_right_as_well(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    use_keys(monkeypatch, old := generate_key())
    Endpoint.objects.update(secret="whsec_AAAA")
    use_keys(monkeypatch, generate_key(), old)
    require_right_key()


@pytest.mark.parametrize("position", [0, -1])
def test_one_lost_value_is_told_and_stops_nothing(
    recipients: list[Recipient], position: int, caplog: pytest.LogCaptureFixture
) -> None:
    """The oldest, as after a key was taken away too early, and the newest."""
    row_id = Recipient._meta.pk.get_db_prep_value(recipients[position].pk, connection)
    lose("recipients", "webhook_headers", row_id)
    with caplog.at_level(logging.ERROR, "fastsmtp.stored_secrets"):
        require_right_key()
    assert "rotate_encryption --check" in caplog.text


def test_it_looks_at_a_few_rows_only(
    recipients: Any, endpoint: Endpoint, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(6):
        require_right_key()
    assert len(EncryptedColumn(Recipient, "webhook_headers").sample(SAMPLE)) == 2 * SAMPLE


def test_a_database_that_is_away_is_no_reason(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> None:
        raise OperationalError("it is away")

    monkeypatch.setattr(EncryptedColumn, "sample", fail)
    require_right_key()
    assert "it is away" in caplog.text


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("installation")
    for command in (["init", "--no-input"], ["shell", "-c", STORE_A_SECRET]):
        assert _run(*command, folder=folder).returncode == 0
    return folder


def _run(*arguments: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fastsmtp", *arguments],
        cwd=folder,
        env={**bare_environment(), "FASTSMTP_DATA_DIR": str(folder / "data"), **variables},
        capture_output=True,
        text=True,
        timeout=110,
    )


@pytest.mark.embedded
@pytest.mark.parametrize("options", [[], ["--worker-only"]])
def test_nothing_starts_with_a_wrong_key(installation: Path, options: list[str]) -> None:
    wrong = generate_key()
    result = _run("serve", *options, folder=installation, FASTSMTP_ENCRYPTION_KEY=wrong)
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr == (
        "FASTSMTP_ENCRYPTION_KEY: opens none of the secrets in the database; "
        "set the key that they were stored with.\n"
    )
