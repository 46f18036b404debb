"""Whoever locks lanes and deliveries does it in one order, so that nobody has to be a victim."""

from functools import partial

import pytest
from django.utils import timezone

from accounts.models import Domain
from delivery.by_hand.deletion import delete_recipient
from delivery.courier.recorder import record
from delivery.lanes.answers import Kind
from delivery.models import Delivery, Lane, Recipient
from delivery.tests.outcomes import SCHEDULE, outcome_of
from delivery.tests.records import URL, create_endpoint
from delivery.tests.threads import at_once
from delivery.tests.waiting_mail import add_due, claim_from

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.mariadb]


# The first two change the lane, the others leave it alone.
@pytest.mark.parametrize("kind", [Kind.FAST, Kind.THROTTLED, Kind.DELIVERED, Kind.BROKEN])
def test_the_recipient_is_deleted_while_outcomes_are_recorded(domain: Domain, kind: Kind) -> None:
    endpoint = create_endpoint(domain)
    for _ in range(4):
        recipient = Recipient.objects.create(domain=domain, webhook_url=URL)
        for _ in range(25):
            add_due(recipient, endpoint)
        Lane.objects.update(
            state=Lane.State.ACTIVE, paused_until=None, last_success_at=timezone.now()
        )
        jobs = sorted(claim_from(endpoint, slots=25).jobs, key=lambda job: job.delivery_id)
        assert len(jobs) == 25
        at_once(
            partial(record, [outcome_of(job, kind) for job in reversed(jobs)], SCHEDULE),
            partial(delete_recipient, recipient),
        )
        assert not Delivery.objects.filter(due_at__isnull=False).exists()
        Delivery.objects.all().delete()
