"""A new signing secret, and the old one beside it for a while."""

from datetime import timedelta

import pytest
from django.utils import timezone
from structlog.testing import capture_logs

from delivery.by_hand.rotation import MAX_GRACE, erase_expired, rotate_secret
from delivery.courier.courier import Courier
from delivery.models import Delivery, Endpoint, Recipient
from delivery.tests.courier_steps import move, send, settled
from delivery.tests.couriers import running_courier
from delivery.tests.encryption_keys import lose
from delivery.tests.standard_webhooks import is_signed
from delivery.tests.webhook_receiver import Call, WebhookReceiver
from fastsmtp.orm import UNREADABLE

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.mariadb]


def _end_grace() -> None:
    Endpoint.objects.update(previous_secret_expires_at=timezone.now() - timedelta(seconds=1))


def test_the_old_secret_is_kept_for_the_grace(endpoint: Endpoint) -> None:
    before = timezone.now()
    rotate_secret(endpoint, grace=timedelta(hours=2))
    rotated = Endpoint.objects.get()
    assert rotated.secret.startswith("whsec_")
    assert rotated.secret != endpoint.secret
    assert rotated.previous_secret == endpoint.secret
    kept = rotated.previous_secret_expires_at
    assert kept is not None
    assert before + timedelta(hours=2) <= kept <= timezone.now() + timedelta(hours=2)


def test_the_log_tells_who_did_it(endpoint: Endpoint) -> None:
    with capture_logs() as logs:
        rotate_secret(endpoint, by="alice")
    [line] = [line for line in logs if line["event"] == "secret_rotated"]
    assert line["by"] == "alice"


def test_without_grace_the_old_secret_is_gone_at_once(endpoint: Endpoint) -> None:
    rotate_secret(endpoint)
    rotate_secret(endpoint, grace=timedelta(0))
    rotated = Endpoint.objects.get()
    assert (rotated.previous_secret, rotated.previous_secret_expires_at) == (None, None)


def test_a_second_rotation_keeps_the_newest_two(endpoint: Endpoint) -> None:
    first = rotate_secret(endpoint).secret
    second = rotate_secret(endpoint).secret
    rotated = Endpoint.objects.get()
    assert [rotated.secret, rotated.previous_secret] == [second, first]


@pytest.mark.parametrize(
    "grace", [timedelta(seconds=-1), MAX_GRACE + timedelta(seconds=1), timedelta.max]
)
def test_a_grace_that_is_refused_changes_nothing(endpoint: Endpoint, grace: timedelta) -> None:
    with pytest.raises(ValueError, match="from 0 to 30 days"):
        rotate_secret(endpoint, grace=grace)
    assert Endpoint.objects.get().secret == endpoint.secret


def test_an_endpoint_that_was_deleted(endpoint: Endpoint) -> None:
    Endpoint.objects.all().delete()
    with pytest.raises(Endpoint.DoesNotExist):
        rotate_secret(endpoint)


def test_nothing_else_of_the_endpoint_is_written(endpoint: Endpoint) -> None:
    Endpoint.objects.update(mode="thin")  # after ours was read
    rotate_secret(endpoint)
    assert Endpoint.objects.get().mode == "thin"


def test_a_secret_that_no_key_opens_is_replaced(endpoint: Endpoint) -> None:
    lose("endpoints", "secret")
    assert Endpoint.objects.get().secret is UNREADABLE
    rotated = rotate_secret(endpoint)
    assert rotated.secret == Endpoint.objects.get().secret != UNREADABLE
    assert rotated.previous_secret is None


def test_only_what_signs_no_more_is_erased(endpoint: Endpoint) -> None:
    rotate_secret(endpoint)
    assert erase_expired() == 0
    _end_grace()
    assert erase_expired() == 1
    endpoint.refresh_from_db()
    assert (endpoint.previous_secret, endpoint.previous_secret_expires_at) == (None, None)
    assert endpoint.secret != ""
    assert erase_expired() == 0


def _secrets_of(call: Call, *secrets: str) -> list[bool]:
    return [is_signed(call, secret) for secret in secrets]


def test_calls_and_retries_in_a_rotation(
    courier: Courier, receiver: WebhookReceiver, recipient: Recipient
) -> None:
    """A receiver that still has the old secret misses no call, nor one that has the new."""
    move(recipient, receiver)
    send(courier, recipient)
    settled(status=Delivery.Status.DELIVERED)
    old = Endpoint.objects.get().secret
    new = rotate_secret(Endpoint.objects.get()).secret

    receiver.answer("/", 500, 500, 200)
    Delivery.objects.all().delete()
    send(courier, recipient)
    settled(status=Delivery.Status.DELIVERED)
    first, *retried = receiver.calls
    assert _secrets_of(first, old, new) == [True, False]
    assert [call.headers["fastsmtp-attempt"] for call in retried] == ["1", "2", "3"]
    assert [_secrets_of(call, old, new) for call in retried] == [[True, True]] * 3

    _end_grace()  # no clean-up needs to have been there
    Delivery.objects.all().delete()
    send(courier, recipient)
    settled(status=Delivery.Status.DELIVERED)
    assert _secrets_of(receiver.calls[-1], old, new) == [False, True]


def test_a_retry_of_a_mail_that_came_before_the_rotation(
    receiver: WebhookReceiver, recipient: Recipient
) -> None:
    move(recipient, receiver)
    receiver.answer("/", 401, 200)  # tried again in its own time, not by the fast schedule
    with running_courier(webhook_retry_schedule=[timedelta(hours=1)]) as courier:
        send(courier, recipient)
        failed = settled(attempts=1)
        old = Endpoint.objects.get().secret
        new = rotate_secret(Endpoint.objects.get(), grace=timedelta(0)).secret
        Delivery.objects.update(status=Delivery.Status.FAILED, due_at=timezone.now())
        courier.wake([Endpoint.objects.get().id])
        settled(failed.id, status=Delivery.Status.DELIVERED)
    assert [_secrets_of(call, old, new) for call in receiver.calls] == [
        [True, False],
        [False, True],
    ]
