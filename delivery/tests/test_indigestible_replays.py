"""One message that cannot be replayed holds up neither its replay nor those of other tenants."""

import pytest
from django.db import OperationalError, connection

from accounts.models import Domain
from delivery.models import Delivery, Endpoint, Message, Recipient, Replay
from delivery.replay.collection import collect
from delivery.replay.feeding import Feeder
from delivery.tests.records import URL, create_endpoint
from delivery.tests.replaying import add_many, run_to_end, start

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.mariadb]

Status = Delivery.Status


@pytest.fixture
def neighbour() -> Recipient:
    domain = Domain.objects.create(domain_name="example.org")
    recipient = Recipient.objects.create(domain=domain, local_part="b", webhook_url=URL)
    add_many(recipient, create_endpoint(domain), 3)
    return recipient


def test_a_message_that_cannot_be_decided(
    recipient: Recipient,
    endpoint: Endpoint,
    neighbour: Recipient,
    caplog: pytest.LogCaptureFixture,
) -> None:
    _, bad, *_ = add_many(recipient, endpoint, 4)
    Message.objects.filter(deliveries=bad).update(rcpt_to=[["nobody"]])
    replay = start(recipient, reevaluate_rules=True)
    assert run_to_end(start(neighbour, reevaluate_rules=True)).queued == 3
    replay = run_to_end(replay)
    assert (replay.matched, replay.queued, replay.not_replayable) == (4, 3, 1)
    message_id = Message.objects.get(deliveries=bad).id
    assert replay.reason == f"message {message_id} cannot be replayed (ValueError)"
    assert f"{message_id} cannot be served" in caplog.text
    assert Delivery.objects.filter(generation=1).count() == 6
    assert Delivery.objects.get(id=bad).status == Status.EXHAUSTED


@pytest.mark.skipif(connection.vendor != "postgresql", reason="it knows how large a smallint is")
@pytest.mark.parametrize(
    ("rules", "error"),
    [(False, "DataError"), (True, "IntegrityError")],
    ids=["plain", "rules"],
)
def test_a_row_that_the_database_refuses(
    recipient: Recipient, endpoint: Endpoint, neighbour: Recipient, rules: bool, error: str
) -> None:
    bad, *_ = add_many(recipient, endpoint, 4)
    Delivery.objects.filter(id=bad).update(replays=32767, generation=32767)
    replay = start(recipient, reevaluate_rules=rules)
    assert run_to_end(start(neighbour)).queued == 3
    replay = run_to_end(replay)
    assert (replay.queued, replay.not_replayable) == (3, 1)
    assert f"cannot be replayed ({error})" in replay.reason


def test_a_replay_that_cannot_be_collected(
    recipient: Recipient, neighbour: Recipient, caplog: pytest.LogCaptureFixture
) -> None:
    replay = start(recipient)
    Replay.objects.filter(id=replay.id).update(filter={"of": "another version"})
    assert run_to_end(start(neighbour)).queued == 3
    replay.refresh_from_db()
    assert (replay.state, replay.reason) == (
        Replay.State.CANCELLED,
        "it cannot go on (KeyError)",
    )
    assert f"replay {replay.id} cannot go on" in caplog.text


def test_what_the_database_refuses_for_one_is_done_for_the_others(
    monkeypatch: pytest.MonkeyPatch, recipient: Recipient, endpoint: Endpoint, neighbour: Recipient
) -> None:
    """As when a query takes too long. Nothing is given up."""
    add_many(recipient, endpoint, 2)
    replay, other = start(recipient), start(neighbour)

    def refuse(found: Replay) -> None:
        if found.id == replay.id:
            raise OperationalError("canceling statement due to statement timeout")
        collect(found)

    monkeypatch.setattr("delivery.replay.feeding.collect", refuse)
    with pytest.raises(OperationalError):
        Feeder().step()
    other.refresh_from_db()
    assert other.matched == 3
    monkeypatch.undo()
    assert run_to_end(replay).queued == 2
