"""An outage that is longer than the claims last: what one courier has called and could not record
is not called again by another one."""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from delivery.courier import claims, database_threads, recorder
from delivery.courier.courier import Courier
from delivery.models import Attempt, Delivery, Lane, Recipient
from delivery.tests.courier_steps import move, send, settled
from delivery.tests.couriers import running_courier
from delivery.tests.waiting_mail import expire_claims
from delivery.tests.webhook_receiver import WebhookReceiver
from fastsmtp.db import unit_of_work
from harness.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


class Outage:
    """Of the database, for all couriers, while `is_on`; the test itself still finds it."""

    def __init__(self) -> None:
        self.is_on = False
        self.noticed_by: set[int] = set()  # threads of the lookouts
        self.refused = threading.Event()  # an outcome could not be recorded
        self.claimed = threading.Event()  # since it is over

    @contextmanager
    def unit_of_work(self, works: AbstractContextManager[None]) -> Iterator[None]:
        name = threading.current_thread().name
        if self.is_on:
            if name.startswith("look"):
                self.noticed_by.add(threading.get_ident())
            if name.startswith("record"):
                self.refused.set()
            raise OperationalError("the server closed the connection unexpectedly")
        with works:
            yield


@pytest.fixture
def outage(monkeypatch: pytest.MonkeyPatch) -> Outage:
    """When it is over, the other courier comes first."""
    outage = Outage()
    claim, record = claims.claim, recorder.record

    def note_claim(*args: Any, **kwargs: Any) -> claims.Claimed:
        claimed = claim(*args, **kwargs)
        if outage.refused.is_set():
            outage.claimed.set()
        return claimed

    def record_later(*args: Any) -> Any:
        if outage.refused.is_set():
            assert outage.claimed.wait(20)
        return record(*args)

    monkeypatch.setattr(
        database_threads, "unit_of_work", lambda: outage.unit_of_work(unit_of_work())
    )
    monkeypatch.setattr(database_threads, "RETRY_DATABASE", 0.05)
    monkeypatch.setattr(claims, "claim", note_claim)
    monkeypatch.setattr(recorder, "record", record_later)
    return outage


@pytest.fixture
def other_courier() -> Iterator[Courier]:
    with running_courier() as courier:
        yield courier


@pytest.mark.usefixtures("other_courier")
def test_nothing_is_called_twice(
    outage: Outage, courier: Courier, receiver: WebhookReceiver, recipient: Recipient
) -> None:
    receiver.hang("/")
    send(courier, move(recipient, receiver))
    receiver.wait_for_calls(1)
    outage.is_on = True
    receiver.let_go("/")
    assert outage.refused.wait(20)
    wait_until(lambda: len(outage.noticed_by) == 2)
    expire_claims()
    Lane.objects.update(due_at=timezone.now())
    outage.is_on = False
    settled(status=Delivery.Status.DELIVERED)
    assert len(receiver.calls) == 1
    assert [attempt.outcome for attempt in Attempt.objects.all()] == ["delivered"]
