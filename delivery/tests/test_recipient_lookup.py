"""Who is behind an address: exactly, else without the tag, else the catch-all."""

from dataclasses import dataclass

import pytest

from accounts.models import Domain
from delivery.intake.recipients import FoundRecipient, Unknown, find
from delivery.models import Recipient
from delivery.tests.records import URL
from fastsmtp.mail.address import parse_mailbox

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]


@dataclass(frozen=True)
class Directory:
    exact: Recipient
    tagged: Recipient
    catch_all: Recipient


@pytest.fixture
def directory(domain: Domain) -> Directory:
    def create(local_part: str) -> Recipient:
        return Recipient.objects.create(domain=domain, local_part=local_part, webhook_url=URL)

    return Directory(exact=create("support"), tagged=create("support+vip"), catch_all=create(""))


def _find(address: str) -> Recipient | Unknown:
    answer = find(parse_mailbox(address))
    if isinstance(answer, FoundRecipient):
        return Recipient.objects.get(id=answer.recipient_id)
    return answer


@pytest.mark.parametrize(
    "address", ["support@example.com", "SUPPORT@Example.COM", '"support"@example.com']
)
def test_exact(directory: Directory, address: str) -> None:
    assert _find(address) == directory.exact


@pytest.mark.parametrize("address", ["support+ticket-1@example.com", "Support+@example.com"])
def test_without_its_tag(directory: Directory, address: str) -> None:
    assert _find(address) == directory.exact


def test_a_recipient_with_a_tag_comes_first(directory: Directory) -> None:
    assert _find("Support+VIP@example.com") == directory.tagged


@pytest.mark.parametrize(
    "address", ["sales@example.com", "+support@example.com", "a+b@example.com"]
)
def test_the_catch_all_gets_the_rest(directory: Directory, address: str) -> None:
    assert _find(address) == directory.catch_all


def test_the_answer_keeps_the_spelling_of_the_sender(directory: Directory) -> None:
    assert find(parse_mailbox("Support+Ticket-1@EXAMPLE.com")) == FoundRecipient(
        address="Support+Ticket-1@example.com",
        recipient_id=directory.exact.id,
        domain_id=directory.exact.domain_id,
    )


def test_an_international_domain(domain: Domain) -> None:
    other = Domain.objects.create(domain_name="xn--bcher-kva.example")
    recipient = Recipient.objects.create(domain=other, local_part="info", webhook_url=URL)
    assert _find("info@Bücher.example") == recipient


def test_unknown_local_part_and_unknown_domain(recipient: Recipient) -> None:
    assert _find("sales@example.com") is Unknown.LOCAL_PART
    assert _find("support@example.org") is Unknown.DOMAIN
    assert _find("support@sub.example.com") is Unknown.DOMAIN


@pytest.mark.parametrize(("stored", "asked"), [("jose", "josé"), ("josé", "jose")])
def test_an_accent_makes_another_address(domain: Domain, stored: str, asked: str) -> None:
    """MariaDB compares without accents."""
    Recipient.objects.create(domain=domain, local_part=stored, webhook_url=URL)
    assert _find(f"{asked}@example.com") is Unknown.LOCAL_PART


def test_a_disabled_recipient_does_not_exist(directory: Directory) -> None:
    Recipient.objects.filter(id=directory.catch_all.id).update(is_enabled=False)
    assert _find("sales@example.com") is Unknown.LOCAL_PART
    Recipient.objects.filter(id=directory.tagged.id).update(is_enabled=False)
    assert _find("support+vip@example.com") == directory.exact


def test_a_disabled_domain_does_not_exist(directory: Directory) -> None:
    Domain.objects.update(is_enabled=False)
    assert _find("support@example.com") is Unknown.DOMAIN
