"""What people do to mail and endpoints stands in the log, with who it was."""

import io
from typing import Any

import pytest
from django.core.management import call_command
from django.urls import reverse
from structlog.testing import capture_logs

from accounts.tests.browsers import superuser_browser
from delivery.by_hand.deletion import delete_domain
from delivery.by_hand.interventions import retry
from delivery.lanes.switch import disable, enable
from delivery.models import Delivery, Endpoint, EventNote, Lane, Recipient, Replay
from delivery.replay import replays
from delivery.tests.records import URL
from delivery.tests.replaying import add_many, run_to_end, start
from fastsmtp.api.tests.caller import post

pytestmark = pytest.mark.django_db

Status = Delivery.Status


def _lines(logs: list[Any], event: str) -> list[dict[str, Any]]:
    return [dict(line) for line in logs if line["event"] == event]


def _by_admin(model: str, action: str, id: object) -> None:
    chosen = {"action": action, "_selected_action": [str(id)]}
    superuser_browser().post(reverse(f"admin:delivery_{model}_changelist"), chosen)


def _by_command(*arguments: str) -> None:
    call_command(*arguments, stdout=io.StringIO())


@pytest.mark.parametrize(("who", "by"), [("admin", "alice"), ("api", "root")])
@pytest.mark.parametrize(
    ("status", "action", "event"),
    [
        (Status.EXHAUSTED, "retry", "retried"),
        (Status.QUARANTINED, "release", "released"),
        (Status.QUARANTINED, "discard", "discarded"),
    ],
)
def test_mail(
    recipient: Recipient,
    endpoint: Endpoint,
    who: str,
    by: str,
    status: Status,
    action: str,
    event: str,
) -> None:
    (id,) = add_many(recipient, endpoint, 1, status=status)
    with capture_logs() as logs:
        if who == "admin":
            _by_admin("delivery", action, id)
        else:
            assert post(f"/delivery-log/{id}/{action}", {}).status_code == 200
    (line,) = _lines(logs, event)
    assert (line["recipient"], line["by"]) == (recipient.address, by)
    assert line["message"] == str(Delivery.objects.get().message_id)


def test_what_was_refused_is_no_line(recipient: Recipient, endpoint: Endpoint) -> None:
    dropped = add_many(recipient, endpoint, 1, status=Status.DROPPED)
    with capture_logs() as logs:
        retry(dropped, by="alice")
    assert not _lines(logs, "retried")


@pytest.mark.parametrize(
    ("who", "by"), [("admin", "alice"), ("api", "root"), ("command", "the command")]
)
@pytest.mark.parametrize(
    ("action", "before", "after"),
    [("disable", "active", "disabled"), ("enable", "disabled", "probing")],
)
def test_endpoints(
    endpoint: Endpoint, who: str, by: str, action: str, before: str, after: str
) -> None:
    Lane.objects.update(state=before)
    with capture_logs() as logs:
        if who == "admin":
            _by_admin("endpoint", action, endpoint.id)
        elif who == "api":
            path = f"/domains/{endpoint.domain_id}/endpoints/{endpoint.id}/{action}"
            assert post(path, {}).status_code == 200
        else:
            _by_command("endpoint", action, URL)
    (line,) = _lines(logs, "endpoint")
    assert (line["before"], line["after"], line["by"]) == (before, after, by)
    if action == "disable":
        assert line["reason"] == Lane.objects.get().disabled_reason == f"by {by}"
    assert not EventNote.objects.exists()  # whoever did it knows


def test_what_changes_nothing_is_no_line(endpoint: Endpoint) -> None:
    with capture_logs() as logs:
        enable(endpoint.id, by="alice")
    assert not logs


def test_nobody_known(endpoint: Endpoint) -> None:
    with capture_logs() as logs:
        disable(endpoint.id, reason="maintenance")
    (line,) = _lines(logs, "endpoint")
    assert line["reason"] == "maintenance"
    assert "by" not in line


class TestReplays:
    def test_from_begin_to_end(self, recipient: Recipient, endpoint: Endpoint) -> None:
        add_many(recipient, endpoint, 3)
        with capture_logs() as logs:
            replay = run_to_end(start(recipient, recipient_id=recipient.id))
        (began,) = _lines(logs, "replay_began")
        assert (began["replay"], began["by"]) == (str(replay.id), "alice")
        assert began["selection"] == {
            "status": ["failed", "exhausted"],
            "recipient_id": str(recipient.id),
        }
        (ended,) = _lines(logs, "replay_finished")
        assert (ended["replay"], ended["matched"], ended["queued"]) == (str(replay.id), 3, 3)
        assert ended["not_replayable"] == 0

    def test_cancelled(self, recipient: Recipient) -> None:
        replay = start(recipient)
        with capture_logs() as logs:
            replays.cancel(replay.id, by="bob")
            replays.cancel(replay.id, by="carol")
        (line,) = _lines(logs, "replay_cancelled")
        assert (line["replay"], line["reason"]) == (str(replay.id), "cancelled by bob")

    def test_its_domain_is_deleted(self, recipient: Recipient) -> None:
        start(recipient)
        with capture_logs() as logs:
            delete_domain(recipient.domain)
        (line,) = _lines(logs, "replay_cancelled")
        assert line["reason"] == "the domain was deleted"
        assert Replay.objects.get().state == Replay.State.CANCELLED
