"""What is filled in looks as if it had come by SMTP and waited."""

from collections import Counter
from uuid import UUID

import pytest
from django.utils import timezone

from benchmarks.fill import fill
from benchmarks.mails import run_of
from delivery.courier.claims import claim
from delivery.courier.lookout import due_lanes
from delivery.models import Delivery, Lane, Message
from delivery.tests.waiting_mail import TIMEOUT

pytestmark = pytest.mark.django_db


def fill_some(*, endpoints: int, mails: int, status: str = "pending") -> list[UUID]:
    return list(
        fill(
            domain="some.example",
            url="http://127.0.0.1:9/",
            endpoints=endpoints,
            mails=mails,
            run="r",
            status=status,
        )
    )


def test_mails_are_spread_over_the_endpoints_and_due() -> None:
    endpoint_ids = fill_some(endpoints=3, mails=12)
    assert Counter(Delivery.objects.values_list("endpoint_id", flat=True)) == dict.fromkeys(
        endpoint_ids, 4
    )
    assert set(due_lanes().next_page()) == set(endpoint_ids)
    assert not Delivery.objects.filter(due_at__gt=timezone.now()).exists()
    assert not Message.objects.filter(route_due_at__isnull=False).exists()


def test_they_came_one_after_another_with_ids_of_their_run() -> None:
    fill_some(endpoints=1, mails=5)
    assert len(set(Delivery.objects.values_list("due_at", flat=True))) == 5
    ids = set(Message.objects.values_list("internet_message_id", flat=True))
    assert {run_of(id.strip("<>")) for id in ids} == {"r"}
    assert len(ids) == 5


@pytest.mark.parametrize(("status", "tries"), [("pending", 0), ("failed", 1)])
def test_they_can_be_claimed(status: str, tries: int) -> None:
    (endpoint_id,) = fill_some(endpoints=1, mails=3, status=status)
    assert set(Delivery.objects.values_list("status", "tries")) == {(status, tries)}
    assert len(claim({endpoint_id: 10}, timeout=TIMEOUT).jobs) == 3
    assert Lane.objects.count() == 1
