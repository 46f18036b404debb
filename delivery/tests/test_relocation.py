"""A recipient's URL is corrected: its waiting mail goes to the new one, other mail stays."""

from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Domain
from delivery.by_hand import moving, relocation
from delivery.by_hand.relocation import move_some, save_recipient
from delivery.lanes.answers import Kind
from delivery.models import Delivery, Endpoint, Lane, Recipient, Relocation
from delivery.routing import endpoints
from delivery.routing.routing import route
from delivery.tests.records import URL, create_endpoint
from delivery.tests.rules import add_rule, create_ruleset
from delivery.tests.submissions import receive
from delivery.tests.waiting_mail import add_due, claim_from, claim_one, expire_claims

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]

CORRECTED = "http://127.0.0.1:9/corrected"


@pytest.fixture(autouse=True)
def _has_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow machine does as much in a run as a fast one."""
    monkeypatch.setattr(relocation, "RUN_TIME", 60.0)


def _correct(recipient: Recipient, url: str = CORRECTED) -> None:
    recipient.webhook_url = url
    save_recipient(recipient)


def _later() -> None:
    Relocation.objects.update(created_at=timezone.now() - 2 * relocation.GRACE)


def _endpoint(url: str = CORRECTED) -> Endpoint:
    return Endpoint.objects.get(url=url)


def test_waiting_mail_moves(
    monkeypatch: pytest.MonkeyPatch, recipient: Recipient, endpoint: Endpoint
) -> None:
    monkeypatch.setattr(relocation, "AT_ONCE", 2)
    for _ in range(5):
        add_due(recipient, endpoint)
    later = add_due(recipient, endpoint, age=-3600, tries=7, status="failed")
    _correct(recipient)
    assert move_some() == {_endpoint().id}
    assert set(Delivery.objects.values_list("endpoint__url", "webhook_url")) == {
        (CORRECTED, CORRECTED)
    }
    later.refresh_from_db()
    assert later.tries == 0
    assert len(claim_from(_endpoint()).jobs) == 6
    assert Relocation.objects.get().moved == 6


def test_held_mail_moves_to_a_healthy_lane(recipient: Recipient, endpoint: Endpoint) -> None:
    add_due(recipient, endpoint)
    Lane.objects.update(state=Lane.State.DISABLED)
    _correct(recipient)
    move_some()
    assert claim_one(_endpoint())


def test_the_configuration_moves_along(recipient: Recipient, endpoint: Endpoint) -> None:
    Endpoint.objects.update(mode="thin", max_body_bytes=10, timeout_seconds=3, concurrency=2)
    _correct(recipient)
    names = ("secret", "mode", "max_body_bytes", "timeout_seconds", "concurrency")
    before, after = _endpoint(URL), _endpoint()
    assert [getattr(before, name) for name in names] == [getattr(after, name) for name in names]


def test_others_stay(domain: Domain, recipient: Recipient, endpoint: Endpoint) -> None:
    other = Recipient.objects.create(domain=domain, local_part="other", webhook_url=URL)
    theirs = add_due(other, endpoint)
    delivered = add_due(recipient, endpoint, status="delivered", due_at=None)
    _correct(recipient)
    move_some()
    for delivery in (theirs, delivered):
        delivery.refresh_from_db()
        assert delivery.endpoint == endpoint
    _later()
    move_some()
    assert _endpoint(URL) == endpoint
    assert not Relocation.objects.exists()


def test_where_a_rule_sent_it_it_stays(recipient: Recipient) -> None:
    add_rule(create_ruleset(recipient.domain), "subject exists", webhook_url_override=URL)
    route([receive(recipient).id])
    _correct(recipient)
    move_some()
    assert Delivery.objects.get().webhook_url == URL


def test_what_is_being_sent_moves_when_its_call_is_over(
    recipient: Recipient, endpoint: Endpoint
) -> None:
    add_due(recipient, endpoint)
    claim_one(endpoint)
    _correct(recipient)
    _later()
    assert move_some() == set()
    assert Relocation.objects.exists()
    Delivery.objects.update(claim_id=None, claimed_until=None)
    move_some()
    assert Delivery.objects.get().endpoint == _endpoint()


def test_an_endpoint_that_nobody_needs_any_more_goes(
    recipient: Recipient, endpoint: Endpoint
) -> None:
    add_due(recipient, endpoint)
    _correct(recipient)
    move_some()
    assert Endpoint.objects.filter(url=URL).exists()  # mail may be on its way there yet
    _later()
    move_some()
    assert not Endpoint.objects.filter(url=URL).exists()
    assert Delivery.objects.get().endpoint == _endpoint()


def test_mail_that_was_being_routed_to_a_deleted_endpoint_is_routed_again(
    recipient: Recipient, endpoint: Endpoint
) -> None:
    route([receive(recipient).id])  # the process knows the endpoint now
    Delivery.objects.all().delete()
    _correct(recipient)
    _later()
    move_some()
    _correct(recipient, URL)
    route([receive(recipient).id])
    assert Delivery.objects.get().endpoint == _endpoint(URL)


@pytest.mark.parametrize("final", [URL, "http://127.0.0.1:9/third"])
def test_corrected_twice(recipient: Recipient, endpoint: Endpoint, final: str) -> None:
    add_due(recipient, endpoint)
    _correct(recipient)
    _correct(recipient, final)
    move_some()
    move_some()
    assert Delivery.objects.get().endpoint == _endpoint(final)


@pytest.mark.parametrize("change", [{"is_enabled": False}, {"webhook_headers": {"X-A": "b"}}])
def test_other_changes_move_nothing(
    recipient: Recipient, endpoint: Endpoint, change: dict[str, Any]
) -> None:
    for name, value in change.items():
        setattr(recipient, name, value)
    save_recipient(recipient)
    assert not Relocation.objects.exists()


def _add_colleagues(domain: Domain, endpoint: Endpoint, count: int) -> list[Recipient]:
    """At the same URL, each with mail that waits, and then each corrected."""
    colleagues = []
    for number in range(count):
        colleague = Recipient.objects.create(
            domain=domain, local_part=f"colleague-{number}", webhook_url=URL
        )
        add_due(colleague, endpoint)
        colleagues.append(colleague)
    for number, colleague in enumerate(colleagues):
        _correct(colleague, f"{CORRECTED}/{number}")
    return colleagues


def test_mail_of_a_worker_that_died_at_a_disabled_endpoint(
    recipient: Recipient, endpoint: Endpoint
) -> None:
    add_due(recipient, endpoint)
    claim_one(endpoint)
    expire_claims()
    Lane.objects.update(state=Lane.State.DISABLED)
    _correct(recipient)
    _later()
    assert move_some() == {_endpoint().id}
    delivery = Delivery.objects.get()
    assert (delivery.endpoint, delivery.claim_id, delivery.claimed_until) == (
        _endpoint(),
        None,
        None,
    )
    attempt = delivery.attempt_log.get()
    assert (attempt.number, attempt.outcome) == (1, Kind.UNKNOWN)
    assert claim_one(_endpoint()).attempts == 2
    assert delivery.attempt_log.count() == 1
    assert not Relocation.objects.exists()
    assert not Endpoint.objects.filter(url=URL).exists()


@pytest.mark.parametrize("is_of_a_rule", [True, False])
def test_a_row_of_the_previous_version(
    recipient: Recipient, endpoint: Endpoint, is_of_a_rule: bool
) -> None:
    """It does not say whether a rule sent it there; the rules as they are now tell."""
    if is_of_a_rule:
        add_rule(create_ruleset(recipient.domain), "subject exists", webhook_url_override=URL)
    add_due(recipient, endpoint, is_overridden=None)
    _correct(recipient)
    _later()
    move_some()
    assert Delivery.objects.get().webhook_url == (URL if is_of_a_rule else CORRECTED)
    assert not Relocation.objects.exists()


def test_corrected_back_there_is_nothing_to_move(recipient: Recipient, endpoint: Endpoint) -> None:
    add_due(recipient, endpoint)
    _correct(recipient)
    _correct(recipient, URL)
    _later()
    assert move_some() == set()
    assert not Relocation.objects.exists()
    assert claim_one(endpoint)


def test_many_at_one_url_are_looked_for_once(domain: Domain, endpoint: Endpoint) -> None:
    _add_colleagues(domain, endpoint, 20)
    claim_from(endpoint, slots=20)
    with CaptureQueriesContext(connection) as queries:
        assert move_some() == set()
    assert len(queries) == 2


def test_one_that_fails_does_not_hold_up_the_others(
    domain: Domain,
    endpoint: Endpoint,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Not even where its mail is all that is read at once."""
    real = endpoints.id_of

    def id_of(domain_id: UUID, url: str) -> UUID:
        if url.endswith("/0"):
            raise RuntimeError("broken")
        return real(domain_id, url)

    monkeypatch.setattr(endpoints, "id_of", id_of)
    monkeypatch.setattr(moving, "ROWS_AT_ONCE", 1)
    broken, *others = _add_colleagues(domain, endpoint, 3)
    elsewhere = create_endpoint(domain, url=f"{URL}/elsewhere")
    another = Recipient.objects.create(domain=domain, webhook_url=elsewhere.url)
    add_due(another, elsewhere)
    _correct(another)
    _later()
    move_some()
    left = Delivery.objects.filter(endpoint__in=[endpoint, elsewhere])
    assert left.get().recipient == broken
    assert Relocation.objects.get().recipient == broken
    assert str(broken.id) in caplog.text


def test_a_run_is_short_and_the_next_one_goes_on(
    domain: Domain, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relocation, "RUN_TIME", 0.0)
    monkeypatch.setattr(relocation, "AT_ONCE", 1)
    colleagues = _add_colleagues(domain, endpoint, 2)
    for colleague in colleagues:
        add_due(colleague, endpoint)
    for left in (3, 2, 1, 0):
        assert len(move_some()) == 1
        assert Delivery.objects.filter(endpoint=endpoint).count() == left
    _later()
    assert move_some() == set()
    assert not Relocation.objects.exists()
