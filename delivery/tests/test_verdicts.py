"""What a verdict makes of a delivery, whatever rule it comes from."""

from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from accounts.models import Domain
from delivery.models import Delivery, Endpoint
from delivery.routing import delivery_rows
from delivery.routing.unrouted import Unrouted
from delivery.tests.records import URL
from fastsmtp.ids import uuid7
from rules.facts import Action, Verdict

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]

Status = Delivery.Status
ADDRESS = "support@example.com"
OTHER_URL = "http://127.0.0.1:9/other"


def _row(domain: Domain, verdict: Verdict, *, recipient_url: str | None = URL) -> dict[str, Any]:
    recipient_id = uuid7()
    message = Unrouted(
        id=uuid7(),
        domain_id=domain.id,
        rcpt_to=[[ADDRESS, str(recipient_id)]],
        mail_from="",
        from_address="",
        internet_message_id="",
        subject="",
        size=0,
        client_ip="192.0.2.1",
        dkim_result="none",
        dkim_domain=None,
        spf_result="none",
        spf_domain=None,
        refusal="",
        route_tries=0,
    )
    return delivery_rows._row(
        message, ADDRESS, recipient_id, verdict, recipient_url, timezone.now(), generation=0
    )


def _url_of(endpoint_id: UUID) -> str:
    return Endpoint.objects.get(id=endpoint_id).url


def test_forward(domain: Domain) -> None:
    row = _row(domain, Verdict())
    assert (row["status"], row["reason"]) == (Status.PENDING, "")
    assert _url_of(row["endpoint_id"]) == row["webhook_url"] == URL
    assert row["due_at"] is not None


@pytest.mark.parametrize(
    ("action", "status"),
    [(Action.DROP, Status.DROPPED), (Action.QUARANTINE, Status.QUARANTINED)],
)
def test_a_mail_that_is_held_back_keeps_its_way(
    domain: Domain, action: Action, status: Status
) -> None:
    """A quarantined mail can be released to where it was going."""
    row = _row(domain, Verdict(action=action, reason="the rule “spam”"))
    assert (row["status"], row["reason"]) == (status, "the rule “spam”")
    assert row["due_at"] is None
    assert _url_of(row["endpoint_id"]) == URL


def test_another_url(domain: Domain) -> None:
    row = _row(domain, Verdict(webhook_url_override=OTHER_URL))
    assert _url_of(row["endpoint_id"]) == row["webhook_url"] == OTHER_URL


def test_a_reason_is_cut_to_what_its_column_holds(domain: Domain) -> None:
    row = _row(domain, Verdict(action=Action.DROP, reason="x" * 300))
    assert row["reason"] == "x" * 255


@pytest.mark.parametrize("preserve_raw", [False, True])
def test_the_wish_to_keep_the_raw_message(domain: Domain, preserve_raw: bool) -> None:
    assert _row(domain, Verdict(preserve_raw=preserve_raw))["preserve_raw"] is preserve_raw


def test_tags(domain: Domain) -> None:
    assert _row(domain, Verdict(tags=("vip", "de")))["tags"] == ["vip", "de"]


@pytest.mark.parametrize("verdict", [Verdict(), Verdict(webhook_url_override=OTHER_URL)])
def test_without_a_recipient_nothing_is_sent(domain: Domain, verdict: Verdict) -> None:
    row = _row(domain, verdict, recipient_url=None)
    assert (row["status"], row["due_at"]) == (Status.CANCELLED, None)
    assert not Endpoint.objects.exists()
