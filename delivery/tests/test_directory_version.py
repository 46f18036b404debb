"""Every change of who may get mail, and of its rules, raises the version that others follow."""

from collections.abc import Callable

import pytest

from accounts.models import DirectoryVersion, Domain
from delivery.models import Recipient
from delivery.tests.records import URL

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]

CHANGES: dict[str, Callable[[Domain], object]] = {
    "a domain is created": lambda _: Domain.objects.create(domain_name="example.org"),
    "a domain is saved": lambda domain: domain.save(),
    "domains are updated": lambda _: Domain.objects.update(is_enabled=False),
    "a domain is deleted": lambda domain: domain.delete(),
    "domains are deleted": lambda _: Domain.objects.all().delete(),
    "a recipient is created": lambda domain: Recipient.objects.create(
        domain=domain, webhook_url=URL
    ),
    "a recipient is created by relation": lambda domain: domain.recipients.create(webhook_url=URL),
    "a recipient is saved": lambda domain: domain.recipients.get().save(),
    "recipients are updated": lambda domain: domain.recipients.update(is_enabled=False),
    "a recipient is deleted": lambda domain: domain.recipients.get().delete(),
    "recipients are deleted": lambda domain: domain.recipients.all().delete(),
    "recipients are created in bulk": lambda domain: Recipient.objects.bulk_create(
        [Recipient(domain=domain, local_part="sales", webhook_url=URL)]
    ),
    "a rule set is created": lambda domain: domain.rulesets.create(name="Spam"),
    "a rule is created": lambda domain: domain.rulesets.create(name="Spam").rules.create(),
    "recipients are updated in bulk": lambda domain: Recipient.objects.bulk_update(
        domain.recipients.all(), ["is_enabled"]
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_the_version_rises(recipient: Recipient, change: Callable[[Domain], object]) -> None:
    before = DirectoryVersion.current()
    change(recipient.domain)
    assert DirectoryVersion.current() > before


def test_reading_changes_nothing(recipient: Recipient) -> None:
    before = DirectoryVersion.current()
    assert Recipient.objects.get().domain == Domain.objects.get()
    assert DirectoryVersion.current() == before


def test_a_new_installation_has_version_0() -> None:
    assert DirectoryVersion.current() == 0
