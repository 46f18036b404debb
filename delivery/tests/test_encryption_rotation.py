"""`rotate_encryption`: everything under the newest key, beside processes that write."""

from collections.abc import Iterator, Sequence
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.models import DirectoryVersion, Domain
from delivery.by_hand.rotation import rotate_secret
from delivery.models import Endpoint, Recipient
from delivery.tests.encryption_keys import forget_keys, key_in_use, lose, tokens, use_keys
from delivery.tests.records import URL, create_endpoint
from fastsmtp import encrypted_columns
from fastsmtp.crypto import KeyAge, generate_key
from fastsmtp.encrypted_columns import EncryptedColumn, Stored
from fastsmtp.orm import UNREADABLE, vault

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]

OLD = generate_key()
NEW = generate_key()
HEADERS = {"Authorization": "Bearer s3cret-t0ken", "X-Grüße": "1"}
COLUMNS = [
    ("endpoints", "secret"),
    ("endpoints", "previous_secret"),
    ("recipients", "webhook_headers"),
]


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test stores first, it stores with the old key."""
    use_keys(monkeypatch, OLD)
    yield
    forget_keys()


@pytest.fixture
def endpoint(domain: Domain) -> Endpoint:
    """In a rotation of its own secret."""
    return rotate_secret(create_endpoint(domain))


@pytest.fixture
def recipients(domain: Domain) -> list[Recipient]:
    return [
        Recipient.objects.create(
            domain=domain, local_part=f"r{number}", webhook_url=URL, webhook_headers=HEADERS
        )
        for number in range(7)
    ]


def run(*options: str) -> str:
    output = StringIO()
    call_command("rotate_encryption", *options, stdout=output, stderr=StringIO())
    return output.getvalue()


def refused(*options: str) -> CommandError:
    with pytest.raises(CommandError) as refusal:
        run(*options)
    return refusal.value


def ages() -> set[KeyAge]:
    return {vault().age_of_key(token) for column in COLUMNS for token in tokens(*column)}


def test_every_encrypted_column_is_found() -> None:
    found = {str(column) for column in encrypted_columns.encrypted_columns()}
    assert found == {".".join(column) for column in COLUMNS}


@pytest.mark.parametrize("batch", [1, 2, 7, 500])
def test_everything_is_rewritten_and_the_old_key_can_go(
    endpoint: Endpoint, recipients: Any, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr(encrypted_columns, "BATCH", batch)
    use_keys(monkeypatch, NEW, OLD)
    assert ages() == {KeyAge.OLDER}
    assert "Only the first key" in run()
    assert ages() == {KeyAge.NEWEST}

    use_keys(monkeypatch, NEW)
    again = Endpoint.objects.get()
    assert (again.secret, again.previous_secret) == (endpoint.secret, endpoint.previous_secret)
    stored = list(Recipient.objects.values_list("webhook_headers", flat=True))
    assert stored == [HEADERS] * len(recipients)
    assert "Only the first key" in run("--check")


def test_what_is_rewritten_has_not_changed(
    endpoint: Endpoint, recipients: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither for people nor for those who follow the directory."""
    version = DirectoryVersion.current()
    use_keys(monkeypatch, NEW, OLD)
    run()
    assert DirectoryVersion.current() == version
    assert Endpoint.objects.get().updated_at == endpoint.updated_at
    assert list(Recipient.objects.values_list("updated_at", flat=True)) == [
        recipient.updated_at for recipient in recipients
    ]


@pytest.mark.parametrize("option", ["--check", "--dry-run"])
def test_a_check_changes_nothing(
    endpoint: Endpoint, recipients: Any, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    use_keys(monkeypatch, NEW, OLD)
    before = [tokens(*column) for column in COLUMNS]
    assert refused(option).returncode == 1
    assert [tokens(*column) for column in COLUMNS] == before


def _table(said: str) -> dict[str, list[int]]:
    lines = [line.split() for line in said.splitlines() if "." in line.partition(" ")[0]]
    return {name: [int(count) for count in counts] for name, *counts in lines}


def test_a_check_counts(
    endpoint: Endpoint, recipients: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_keys(monkeypatch, NEW, OLD)
    Recipient.objects.filter(local_part="r0").update(webhook_headers={"X": "new"})
    lose("recipients", "webhook_headers", _stored_id(recipients[1]))
    output = StringIO()
    with pytest.raises(CommandError) as refusal:
        call_command("rotate_encryption", "--check", stdout=output, stderr=StringIO())
    assert _table(output.getvalue()) == {
        "endpoints.secret": [0, 1, 0],
        "endpoints.previous_secret": [0, 1, 0],
        "recipients.webhook_headers": [1, 5, 1],
    }
    assert refusal.value.returncode == 2
    assert f"recipients.webhook_headers of {recipients[1].pk}" in str(refusal.value)


def _stored_id(record: Any) -> object:
    return record._meta.pk.get_db_prep_value(record.pk, connection)


def test_what_no_key_opens_is_left_as_it_is_and_stops_nothing(
    endpoint: Endpoint, recipients: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose("recipients", "webhook_headers", _stored_id(recipients[1]))
    lost = tokens("recipients", "webhook_headers")[1]
    use_keys(monkeypatch, NEW, OLD)
    assert refused().returncode == 2
    assert ages() == {KeyAge.NEWEST, KeyAge.LOST}
    assert tokens("recipients", "webhook_headers")[1] == lost


def test_what_is_not_even_a_token_is_counted_as_lost(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE endpoints SET secret = %s", ["ü" * 20])
    use_keys(monkeypatch, NEW, OLD)
    assert refused("--check").returncode == 2
    assert Endpoint.objects.get().secret is UNREADABLE


def test_a_run_that_was_interrupted_is_taken_up_again(
    recipients: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encrypted_columns, "BATCH", 3)
    use_keys(monkeypatch, NEW, OLD)
    rewrite = EncryptedColumn.rewrite
    done = 0

    def interrupt(self: EncryptedColumn, batch: Sequence[Stored]) -> int:
        nonlocal done
        if done:
            raise KeyboardInterrupt
        done = rewrite(self, batch)
        return done

    with monkeypatch.context() as patch:
        patch.setattr(EncryptedColumn, "rewrite", interrupt)
        with pytest.raises(KeyboardInterrupt):
            run()
    assert done == 3
    written = tokens("recipients", "webhook_headers")[:3]
    assert ages() == {KeyAge.NEWEST, KeyAge.OLDER}
    run()
    assert ages() == {KeyAge.NEWEST}
    assert tokens("recipients", "webhook_headers")[:3] == written


def test_what_somebody_writes_meanwhile_stays(
    recipients: Any, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A recipient is changed and a secret rotated between reading and writing."""
    use_keys(monkeypatch, NEW, OLD)
    rewrite = EncryptedColumn.rewrite

    def change_first(self: EncryptedColumn, batch: Sequence[Stored]) -> int:
        if self.model is Recipient:
            Recipient.objects.filter(local_part="r3").update(webhook_headers={"X": "meanwhile"})
        elif self.name == "secret":
            rotate_secret(endpoint)
        return rewrite(self, batch)

    monkeypatch.setattr(EncryptedColumn, "rewrite", change_first)
    run()
    assert Recipient.objects.get(local_part="r3").webhook_headers == {"X": "meanwhile"}
    again = Endpoint.objects.get()
    assert again.previous_secret == endpoint.secret != again.secret
    assert ages() == {KeyAge.NEWEST}


def test_what_a_process_with_the_old_key_wrote_meanwhile_is_told(
    recipients: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_keys(monkeypatch, NEW, OLD)
    rewrite = EncryptedColumn.rewrite

    def write_late(self: EncryptedColumn, batch: Sequence[Stored]) -> int:
        count = rewrite(self, batch)
        with monkeypatch.context() as patch:
            use_keys(patch, OLD)
            Recipient.objects.filter(local_part="r3").update(webhook_headers={"X": "late"})
        use_keys(monkeypatch, NEW, OLD)
        return count

    with monkeypatch.context() as patch:
        patch.setattr(EncryptedColumn, "rewrite", write_late)
        refusal = refused()
    assert refusal.returncode == 1
    assert "every process" in str(refusal)
    run()
    assert ages() == {KeyAge.NEWEST}


def test_progress_is_told(recipients: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encrypted_columns, "BATCH", 5)
    use_keys(monkeypatch, NEW, OLD)
    progress = StringIO()
    call_command("rotate_encryption", stdout=StringIO(), stderr=progress)
    assert progress.getvalue().splitlines() == [
        "recipients.webhook_headers: 5 of 7 looked at, 5 rewritten",
        "recipients.webhook_headers: 7 of 7 looked at, 7 rewritten",
    ]


def test_neither_keys_nor_secrets_are_told(
    endpoint: Endpoint, recipients: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose("recipients", "webhook_headers", _stored_id(recipients[1]))
    use_keys(monkeypatch, NEW, OLD)
    output = StringIO()
    with pytest.raises(CommandError) as refusal:
        call_command("rotate_encryption", stdout=output, stderr=output)
    said = output.getvalue() + str(refusal.value)
    for secret in (endpoint.secret, "s3cret", OLD, NEW, tokens("endpoints", "secret")[0]):
        assert secret not in said


def test_an_empty_database(db: None) -> None:
    assert "Only the first key" in run()
    assert key_in_use() == OLD
