"""What changed while a lock was waited for counts: everybody looks again under it."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.db.models import Model, QuerySet
from django.utils import timezone

from accounts.models import Domain
from delivery.by_hand import relocation
from delivery.by_hand.deletion import delete_domain, delete_recipient
from delivery.by_hand.interventions import Again, retry
from delivery.by_hand.relocation import move_some, save_recipient
from delivery.models import Delivery, Endpoint, Message, RawMessage, Recipient, Relocation
from delivery.retention import messages, raws
from delivery.routing import endpoints
from delivery.routing.routing import route
from delivery.tests.old_mail import add_old, clean
from delivery.tests.records import create_endpoint
from delivery.tests.submissions import receive
from delivery.tests.threads import run_into
from delivery.tests.waiting_mail import add_due, claim_one

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.mariadb]

two_writers = pytest.mark.skipif(
    not connection.features.has_select_for_update, reason="one writer at a time"
)

Status = Delivery.Status


@pytest.fixture
def endpoint(domain: Domain) -> Endpoint:
    """Committed before the threads of a test look."""
    return create_endpoint(domain)


def _make_due(delivery: Delivery) -> None:
    Delivery.objects.filter(id=delivery.id).update(status=Status.PENDING, due_at=timezone.now())


class TestDeletingMail:
    @pytest.mark.parametrize(("module", "days"), [(raws, 8), (messages, 31)])
    def test_made_due_before_the_lock(
        self,
        recipient: Recipient,
        endpoint: Endpoint,
        monkeypatch: pytest.MonkeyPatch,
        module: Any,
        days: int,
    ) -> None:
        """In one connection, for every database: waiting for the lock is where it happens."""
        delivery = add_old(recipient, endpoint, days=days)
        real: Callable[[QuerySet[Any]], list[Any]] = module.wait_for

        def wait_for(rows: QuerySet[Model]) -> list[Any]:
            if rows.model is Delivery:
                _make_due(delivery)
            return real(rows)

        monkeypatch.setattr(module, "wait_for", wait_for)
        if module is messages:
            Message.objects.update(raw=None)
            RawMessage.objects.all().delete()
        assert clean() == {}
        assert Message.objects.get().deliveries.get() == delivery

    @two_writers
    def test_a_message_that_is_made_due_again(
        self, recipient: Recipient, endpoint: Endpoint
    ) -> None:
        delivery = add_old(recipient, endpoint, days=31)
        Message.objects.update(raw=None)  # so that only the message itself is left to be deleted
        RawMessage.objects.all().delete()
        assert run_into(partial(_make_due, delivery), clean) == {}
        assert Message.objects.get().deliveries.get() == delivery


@two_writers
class TestRetrying:
    def test_what_was_claimed_meanwhile(self, recipient: Recipient, endpoint: Endpoint) -> None:
        delivery = add_due(recipient, endpoint)
        again = run_into(partial(claim_one, endpoint), partial(retry, [delivery.id]))
        assert again == Again(refused={delivery.id: "It is being sent."})
        delivery.refresh_from_db()
        assert (delivery.tries, delivery.claim_id is None) == (1, False)

    def test_what_lost_its_bytes_meanwhile(self, recipient: Recipient, endpoint: Endpoint) -> None:
        delivery = add_old(recipient, endpoint, days=8)
        again = run_into(clean, partial(retry, [delivery.id]))
        assert again == Again(refused={delivery.id: "Its raw message was deleted."})
        delivery.refresh_from_db()
        assert (delivery.status, delivery.due_at) == (Status.DELIVERED, None)


@two_writers
@pytest.mark.parametrize("delete", [delete_recipient, delete_domain])
def test_mail_that_is_routed_while_its_receiver_is_deleted(
    recipient: Recipient, endpoint: Endpoint, delete: Callable[[Any], int]
) -> None:
    message = receive(recipient)
    receiver = recipient if delete is delete_recipient else recipient.domain
    assert run_into(partial(route, [message.id]), partial(delete, receiver)) == 1
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.due_at) == (Status.CANCELLED, None)


@two_writers
def test_mail_that_comes_while_its_old_endpoint_is_given_up(
    recipient: Recipient, endpoint: Endpoint
) -> None:
    recipient.webhook_url = "http://127.0.0.1:9/corrected"
    save_recipient(recipient)
    Relocation.objects.update(created_at=timezone.now() - relocation.GRACE - timedelta(minutes=1))

    def route_late() -> None:
        add_due(recipient, endpoint, is_overridden=False)
        endpoints.wake({endpoint.id}, at=timezone.now())

    run_into(route_late, move_some)
    assert Endpoint.objects.filter(id=endpoint.id).exists()
    move_some()
    assert Delivery.objects.get().webhook_url == recipient.webhook_url
    assert not Endpoint.objects.filter(id=endpoint.id).exists()
