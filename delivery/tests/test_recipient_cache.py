"""A busy domain costs no query per RCPT, and a change shows soon."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from accounts.models import Domain
from delivery.intake import recipients
from delivery.intake.recipients import FoundRecipient, RecipientCache, Unknown
from delivery.models import Recipient
from delivery.tests.records import URL
from fastsmtp.mail.address import Mailbox

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]

SUPPORT = Mailbox("support", "example.com")
SALES = Mailbox("sales", "example.com")

type CountQueries = Callable[[int], AbstractContextManager[object]]


class Clock:
    """Stands still until a test moves it on."""

    now = 1000.0  # seconds

    def monotonic(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(recipients, "time", clock)
    return clock


@pytest.fixture
def cache() -> RecipientCache:
    return RecipientCache()


@pytest.fixture
def short_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    """The version is looked at whenever anybody asks."""
    monkeypatch.setattr(recipients, "VERSION_INTERVAL", 0.0)


def _found(recipient: Recipient) -> FoundRecipient:
    return FoundRecipient(
        address=recipient.address, recipient_id=recipient.id, domain_id=recipient.domain_id
    )


def test_peek_never_asks_the_database(
    recipient: Recipient, cache: RecipientCache, django_assert_num_queries: CountQueries
) -> None:
    with django_assert_num_queries(0):
        assert cache.peek(SUPPORT) is None
    cache.look_up(SUPPORT)
    with django_assert_num_queries(0):
        assert cache.peek(SUPPORT) == _found(recipient)
        assert cache.peek(SALES) is None


def test_a_repeated_address_costs_no_query(
    recipient: Recipient, cache: RecipientCache, django_assert_num_queries: CountQueries
) -> None:
    assert cache.look_up(SUPPORT) == _found(recipient)
    with django_assert_num_queries(0):
        for _ in range(10):
            assert cache.look_up(SUPPORT) == _found(recipient)


def test_an_unknown_address_is_remembered_too(
    recipient: Recipient, cache: RecipientCache, django_assert_num_queries: CountQueries
) -> None:
    """A dictionary attack asks for thousands of them."""
    assert cache.look_up(SALES) is Unknown.LOCAL_PART
    with django_assert_num_queries(0):
        assert cache.look_up(SALES) is Unknown.LOCAL_PART
        assert cache.peek(SALES) is Unknown.LOCAL_PART


def test_spellings_are_kept_apart(recipient: Recipient, cache: RecipientCache) -> None:
    """The payload shows the address as the sender wrote it."""
    for spelling in ("support", "Support"):
        answer = cache.look_up(Mailbox(spelling, "example.com"))
        assert isinstance(answer, FoundRecipient)
        assert answer.address == f"{spelling}@example.com"


@pytest.mark.usefixtures("short_interval")
def test_an_unchanged_directory_costs_one_query(
    recipient: Recipient, cache: RecipientCache, django_assert_num_queries: CountQueries
) -> None:
    cache.look_up(SUPPORT)
    with django_assert_num_queries(1):
        assert cache.look_up(SUPPORT) == _found(recipient)


@pytest.mark.usefixtures("short_interval")
def test_changes_show(domain: Domain, cache: RecipientCache) -> None:
    assert cache.look_up(SUPPORT) is Unknown.LOCAL_PART
    recipient = Recipient.objects.create(domain=domain, local_part="support", webhook_url=URL)
    assert cache.look_up(SUPPORT) == _found(recipient)
    Recipient.objects.update(is_enabled=False)
    assert cache.look_up(SUPPORT) is Unknown.LOCAL_PART
    domain.delete()
    assert cache.look_up(SUPPORT) is Unknown.DOMAIN


def test_a_change_shows_within_two_seconds(
    domain: Domain, cache: RecipientCache, clock: Clock
) -> None:
    cache.look_up(SUPPORT)
    recipient = Recipient.objects.create(domain=domain, local_part="support", webhook_url=URL)
    assert cache.look_up(SUPPORT) is Unknown.LOCAL_PART, "asked again before the interval was over"
    clock.now += 2
    assert cache.look_up(SUPPORT) == _found(recipient)


def test_after_the_interval_peek_leaves_it_to_look_up(
    recipient: Recipient, cache: RecipientCache, clock: Clock
) -> None:
    """What it knows may be out of date."""
    cache.look_up(SUPPORT)
    assert cache.peek(SUPPORT) == _found(recipient)
    clock.now += 2
    assert cache.peek(SUPPORT) is None


def test_the_size_is_bounded(
    recipient: Recipient,
    cache: RecipientCache,
    django_assert_num_queries: CountQueries,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recipients, "CACHE_SIZE", 3)
    mailboxes = [Mailbox(f"r{number}", "example.com") for number in range(5)]
    for mailbox in mailboxes:
        cache.look_up(mailbox)
    with django_assert_num_queries(0):
        remembered = [mailbox for mailbox in mailboxes if cache.peek(mailbox) is not None]
    assert remembered == mailboxes[-3:]
