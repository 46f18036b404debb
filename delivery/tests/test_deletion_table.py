"""What is deleted while mail is queued: each delivery ends in a state that people see."""

import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from accounts.models import APIKey, Domain, User
from accounts.tests.browsers import superuser_browser
from delivery.by_hand import deletion
from delivery.by_hand.deletion import delete_domain, delete_recipient
from delivery.lanes.answers import Kind
from delivery.models import Delivery, Endpoint, Lane, Message, Recipient, Replay
from delivery.replay.feeding import Feeder
from delivery.routing.routing import route
from delivery.tests.outcomes import record_one
from delivery.tests.records import create_delivery, create_endpoint, create_message
from delivery.tests.replaying import add_many, start
from delivery.tests.rules import add_rule, create_ruleset
from delivery.tests.submissions import receive
from delivery.tests.waiting_mail import add_due, claim_from
from rules.models import Rule, RuleSet

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]

Status = Delivery.Status
HELD_URL = "http://127.0.0.1:9/held"


class Site:
    """One delivery in each state that mail may be in when something is deleted."""

    def __init__(self, recipient: Recipient, endpoint: Endpoint) -> None:
        self.recipient, self.endpoint = recipient, endpoint
        domain = recipient.domain
        held = create_endpoint(domain, url=HELD_URL, state=Lane.State.DISABLED)
        message = create_message(domain)
        add_due(recipient, endpoint)
        (self.job,) = claim_from(endpoint).jobs
        hour = timezone.now() + timedelta(hours=1)
        self.by_state = {
            "claimed": Delivery.objects.get(),
            "pending": add_due(recipient, endpoint),
            "failed": add_due(recipient, endpoint, status=Status.FAILED, due_at=hour),
            "held": add_due(recipient, held),
            "quarantined": create_delivery(
                message, recipient, endpoint, status=Status.QUARANTINED, reason="rule: Spam"
            ),
        }
        (replayed,) = add_many(recipient, endpoint, 1)
        self.replay = start(recipient)
        Feeder().step()
        self.by_state["in a replay"] = Delivery.objects.get(id=replayed)
        self.unrouted = receive(recipient)

    def states(self) -> dict[str, tuple[str, str]]:
        """After what follows: an answer comes late, replays go on, mail is routed."""
        record_one(self.job, Kind.FAST)
        for _ in range(3):
            Feeder().step()
        route([self.unrouted.id])
        found = {}
        for name, delivery in self.by_state.items():
            delivery.refresh_from_db()
            found[name] = (delivery.status, delivery.reason)
        unrouted = Delivery.objects.get(message=self.unrouted)
        return {**found, "unrouted": (unrouted.status, unrouted.reason)}


@pytest.fixture
def site(recipient: Recipient, endpoint: Endpoint) -> Site:
    return Site(recipient, endpoint)


def _by_page(record: Any) -> None:
    superuser_browser().post(_url(record, "delete", record.pk), {"post": "yes"})


def _by_list(record: Any) -> None:
    chosen = {"action": "delete_selected", "_selected_action": [record.pk], "post": "yes"}
    superuser_browser().post(_url(record, "changelist"), chosen)


def _url(record: Any, page: str, *args: Any) -> str:
    opts = record._meta
    return reverse(f"admin:{opts.app_label}_{opts.model_name}_{page}", args=args)


def _call(*arguments: str) -> None:
    call_command(*arguments, stdout=io.StringIO())


def _by_command(record: Any) -> None:
    if isinstance(record, Domain):
        _call("domain", "delete", record.domain_name, "--yes")
    else:
        _call("recipient", "delete", record.domain.domain_name, record.local_part)


def _by_function(record: Any) -> None:
    (delete_domain if isinstance(record, Domain) else delete_recipient)(record)


@pytest.mark.parametrize("delete", [_by_function, _by_page, _by_list, _by_command])
@pytest.mark.parametrize("what", ["domain", "recipient"])
def test_a_domain_or_a_recipient(site: Site, delete: Callable[[Any], None], what: str) -> None:
    record = site.recipient.domain if what == "domain" else site.recipient
    delete(record)
    assert not type(record).objects.exists()
    count = Delivery.objects.count()
    cancelled = (Status.CANCELLED, f"the {what} was deleted")
    assert site.states() == {
        "claimed": cancelled,
        "pending": cancelled,
        "failed": cancelled,
        "held": cancelled,
        "quarantined": (Status.QUARANTINED, "rule: Spam"),
        "in a replay": (Status.EXHAUSTED, ""),
        "unrouted": (Status.CANCELLED, "the recipient was deleted"),
    }
    assert Delivery.objects.count() == count + 1
    assert Message.objects.filter(deliveries=None).count() == 0
    assert not Delivery.objects.filter(due_at__isnull=False).exists()
    site.replay.refresh_from_db()
    if what == "domain":
        assert (site.replay.state, site.replay.reason) == (Replay.State.CANCELLED, cancelled[1])
    else:
        assert (site.replay.state, site.replay.not_replayable) == (Replay.State.FINISHED, 2)


def _unchanged(site: Site, delete: Callable[[], object]) -> None:
    before = {name: delivery.status for name, delivery in site.by_state.items()}
    delete()
    for name, delivery in site.by_state.items():
        delivery.refresh_from_db()
        assert delivery.status == before[name]
    assert claim_from(site.endpoint).jobs


@pytest.mark.parametrize("model", [Rule, RuleSet])
def test_a_rule_that_has_spoken(recipient: Recipient, model: Any) -> None:
    """Its verdict stands: where it sent a mail, and what it held back."""
    ruleset = create_ruleset(recipient.domain)
    override = "http://127.0.0.1:9/override"
    add_rule(ruleset, "subject exists", webhook_url_override=override)
    route([receive(recipient).id])
    Rule.objects.update(action="quarantine", webhook_url_override="")
    route([receive(recipient).id])
    model.objects.all().delete()
    sent, held_back = Delivery.objects.order_by("id")
    assert (sent.status, sent.webhook_url) == (Status.PENDING, override)
    assert held_back.status == Status.QUARANTINED
    assert claim_from(Endpoint.objects.get(url=override)).jobs


def test_a_user_or_a_key(site: Site) -> None:
    user = User.objects.create_user("alice")
    key = APIKey.objects.create(user=user, name="k", key_hash="x", key_prefix="fsmtp_")
    _unchanged(site, key.delete)
    Delivery.objects.update(claim_id=None, claimed_until=None)
    _unchanged(site, user.delete)
    site.replay.refresh_from_db()
    assert (site.replay.requested_by, site.replay.state) == ("alice", Replay.State.RUNNING)


def test_nothing_is_claimed_after_it(site: Site) -> None:
    delete_recipient(site.recipient)
    for endpoint in Endpoint.objects.all():
        Lane.objects.update(state=Lane.State.ACTIVE)
        assert claim_from(endpoint).jobs == []


def test_however_much_waits_no_transaction_is_long(
    monkeypatch: pytest.MonkeyPatch, recipient: Recipient, endpoint: Endpoint
) -> None:
    monkeypatch.setattr(deletion, "CANCELLED_AT_ONCE", 10)
    batches = []
    cancel = deletion._cancel

    def note(rows: QuerySet[Delivery], reason: str) -> int:
        batches.append(cancel(rows, reason))
        return batches[-1]

    monkeypatch.setattr(deletion, "_cancel", note)
    add_many(recipient, endpoint, 35, status=Status.PENDING, due_at=timezone.now())
    assert delete_domain(recipient.domain) == 35
    assert batches == [10, 10, 10, 5]
