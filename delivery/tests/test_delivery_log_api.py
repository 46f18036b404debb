"""`/delivery-log`: what became of the mail of a domain, and what people can do about it."""

import re
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from accounts.models import Domain
from delivery.bodies.preview import LARGE, preview
from delivery.models import Delivery, Endpoint, Lane, Message, Recipient, Replay, StoredObject
from delivery.objects.bucket import Bucket
from delivery.replay.feeding import Feeder
from delivery.tests.bucket_server import bucket_config
from delivery.tests.old_mail import add_object
from delivery.tests.records import (
    RAW,
    URL,
    create_attempt,
    create_delivery,
    create_endpoint,
    create_message,
)
from delivery.tests.replaying import add_many
from delivery.tests.waiting_mail import add_due, claim_one
from fastsmtp.api.tests.caller import call, errors, get, post
from fastsmtp.ids import uuid7

pytestmark = pytest.mark.django_db

Status = Delivery.Status
WITH_FILES = b"""\
From: ada@example.org
Subject: Hello
Content-Type: multipart/mixed; boundary=b

--b
Content-Disposition: attachment; filename=a.txt

first
--b
Content-Disposition: attachment; filename=b.txt

second
--b--
""".replace(b"\n", b"\r\n")
FIELDS = """
    id domain_id email_id message_id recipient_id webhook_url payload_hash status attempts
    next_retry_at last_error last_status_code instance_id delivered_at dkim_result spf_result
    reason held sending created_at updated_at
"""


@pytest.fixture
def path(domain: Domain) -> str:
    return f"/domains/{domain.id}/delivery-log"


def _ids(response: Any) -> list[str]:
    assert response.status_code == 200, response.content
    return [row["id"] for row in response.json()]


def test_a_row(path: str, recipient: Recipient, endpoint: Endpoint) -> None:
    delivery = add_due(recipient, endpoint)
    (row,) = get(path).json()
    assert set(row) >= set(FIELDS.split())
    assert row["id"] == str(delivery.id)
    assert row["email_id"] == str(delivery.message_id)
    assert row["message_id"] == "<hello@example.org>"
    assert (row["payload_hash"], row["held"], row["sending"]) == (None, False, False)


def test_newest_first_page_by_page(path: str, recipient: Recipient, endpoint: Endpoint) -> None:
    moment = timezone.now()
    add_many(recipient, endpoint, 3, created_at=moment)
    add_many(recipient, endpoint, 4, created_at=moment - timedelta(hours=1))
    wanted = [str(id) for id in _in_order()]
    link, seen = f"{path}?limit=2", []
    while link:
        response = get(link)
        seen.append(_ids(response))
        found = re.fullmatch(
            r'<http://testserver/api/v1(.+)>; rel="next"', response.get("Link", "")
        )
        link = found[1] if found else ""
    assert seen == [wanted[:2], wanted[2:4], wanted[4:6], wanted[6:]]
    assert _ids(get(f"{path}?limit=2&offset=3")) == wanted[3:5]


def test_what_is_held_has_no_next_retry(
    path: str, recipient: Recipient, endpoint: Endpoint
) -> None:
    delivery = add_due(recipient, endpoint)
    (row,) = get(path).json()
    assert parse_datetime(row["next_retry_at"]) == delivery.due_at
    Lane.objects.update(state=Lane.State.DISABLED)
    (row,) = get(path).json()
    assert (row["status"], row["held"], row["next_retry_at"]) == ("pending", True, None)


def _in_order() -> list[Any]:
    return list(Delivery.objects.order_by("-created_at", "-id").values_list("id", flat=True))


def test_filters(path: str, recipient: Recipient, endpoint: Endpoint, domain: Domain) -> None:
    add_due(recipient, endpoint)
    sending = claim_one(endpoint).delivery_id
    disabled = create_endpoint(domain, url="http://127.0.0.1:9/d", state=Lane.State.DISABLED)
    held = add_due(recipient, disabled).id
    (old,) = add_many(recipient, endpoint, 1, created_at=timezone.now() - timedelta(days=2))
    other = create_message(domain, internet_message_id="<other@example.org>")
    named = create_delivery(other, recipient, endpoint, status=Status.DELIVERED).id
    yesterday = quote((timezone.now() - timedelta(days=1)).isoformat())
    for query, expected in {
        "status=sending": {sending},
        "status=held": {held},
        "status=pending": {sending, held},
        "status=exhausted": {old},
        f"until={yesterday}": {old},
        f"since={yesterday}": {sending, held, named},
        f"message_id={quote('<other@example.org>')}": {named},
        f"message_id={other.id}": {named},
        f"recipient_id={uuid7()}": set(),
        f"recipient_id={recipient.id}&status=delivered": {named},
    }.items():
        assert set(_ids(get(f"{path}?{query}"))) == {str(id) for id in expected}, query


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("status=lost", "invalid_choice"),
        ("recipient_id=x", "invalid"),
        ("since=yesterday", "invalid"),
        ("message_id=%00", "null_characters_not_allowed"),
        ("limit=0", "invalid_limit"),
        ("offset=10001", "invalid_offset"),
        ("cursor=x", "invalid_cursor"),
        ("cursor=AAAA", "invalid_cursor"),
    ],
)
def test_a_query_that_is_refused(path: str, query: str, code: str) -> None:
    response = get(f"{path}?{query}")
    assert response.status_code == 422
    assert errors(response) == {f"/{query.partition('=')[0]}": code}


def test_a_longer_list_costs_no_more_queries(
    path: str, recipient: Recipient, endpoint: Endpoint, django_assert_num_queries: Any
) -> None:
    add_many(recipient, endpoint, 20)
    with django_assert_num_queries(2):
        assert len(_ids(get(path))) == 20


def test_the_details(recipient: Recipient, endpoint: Endpoint) -> None:
    delivery = add_due(recipient, endpoint)
    create_attempt(delivery, response_excerpt="no")
    body = get(f"/delivery-log/{delivery.id}").json()
    assert body["payload"]["subject"] == "Hello"
    assert body["payload"]["id"] == str(delivery.id)
    (attempt,) = body["attempt_log"]
    assert (attempt["number"], attempt["status_code"], attempt["error"]) == (1, 500, "HTTP 500")
    assert attempt["response_excerpt"] == "no"


@pytest.mark.parametrize("mode", Endpoint.Mode.values)
def test_the_payload_in_every_mode(recipient: Recipient, endpoint: Endpoint, mode: str) -> None:
    Endpoint.objects.update(mode=mode)
    delivery = add_due(recipient, endpoint)
    body = get(f"/delivery-log/{delivery.id}").json()
    assert body["payload"]["subject"] == "Hello"
    expected = {"multipart": "multipart/form-data", "raw": "message/rfc822"}
    assert body["payload_sent_as"] == expected.get(mode, "application/json")
    assert ("body_text" in body["payload"]) is (mode in ("json", "multipart"))


def test_a_message_that_is_too_large_is_not_sent_itself(
    recipient: Recipient, endpoint: Endpoint
) -> None:
    Endpoint.objects.update(mode="raw", max_body_bytes=2000)
    delivery = add_due(recipient, endpoint, raw=RAW + b"x" * 2000)
    body = get(f"/delivery-log/{delivery.id}").json()
    assert body["payload_sent_as"] == "application/json"


@pytest.mark.parametrize("mode", Endpoint.Mode.values)
@pytest.mark.parametrize("presigned", [False, True])
def test_what_the_bucket_has_is_linked(
    recipient: Recipient,
    endpoint: Endpoint,
    monkeypatch: pytest.MonkeyPatch,
    mode: str,
    presigned: bool,
) -> None:
    """Nobody asks the bucket: it is not there."""
    settings = bucket_config("http://127.0.0.1:9", s3_presigned_urls=presigned)
    for module in ("preview", "kept"):
        monkeypatch.setattr(f"delivery.bodies.{module}.config", lambda: settings)
    monkeypatch.setattr("delivery.bodies.preview._bucket", lambda: Bucket(settings, connections=1))
    Endpoint.objects.update(mode=mode)
    delivery = add_due(recipient, endpoint, raw=WITH_FILES)
    for number in (StoredObject.RAW, 1):
        add_object(delivery.message, number=number)
    add_object(delivery.message, number=2, is_stored=False)
    payload = get(f"/delivery-log/{delivery.id}").json()["payload"]
    first, second = payload["attachments"]
    assert (first["storage"], first["filename"]) == ("s3", "a.txt")
    assert first["key"] in first["url"]
    assert ("presigned_url" in first) is presigned
    assert "content" not in first
    assert "storage" not in second
    assert payload["raw_message"]["storage"] == "s3"


def test_no_payload_without_the_bytes(recipient: Recipient, endpoint: Endpoint) -> None:
    delivery = add_due(recipient, endpoint)
    Message.objects.update(raw=None)
    for gone in (Message.objects.none(), Endpoint.objects.all()):
        gone.delete()
        body = get(f"/delivery-log/{delivery.id}").json()
        assert (body["payload"], body["payload_sent_as"]) == (None, None)


def test_large_contents_are_shown_as_links(recipient: Recipient, endpoint: Endpoint) -> None:
    """Somebody looks at it in a page, and the web role holds it in memory."""
    delivery = add_due(recipient, endpoint, raw=WITH_FILES.replace(b"second", b"x" * LARGE))
    body = get(f"/delivery-log/{delivery.id}").json()
    assert body["payload_sent_as"] == "application/json"
    assert {"content" in file for file in body["payload"]["attachments"]} == {False}
    Endpoint.objects.update(mode="raw")
    assert get(f"/delivery-log/{delivery.id}").json()["payload_sent_as"] == "message/rfc822"


def test_a_delivery_that_moves_while_it_is_shown(recipient: Recipient, endpoint: Endpoint) -> None:
    delivery = add_due(recipient, endpoint)
    Delivery.objects.update(endpoint=create_endpoint(recipient.domain, url=f"{URL}/moved"))
    assert preview(delivery) is None
    Delivery.objects.all().delete()
    assert preview(delivery) is None


def test_no_payload_of_mail_that_may_end_whoever_builds_it(
    recipient: Recipient, endpoint: Endpoint
) -> None:
    delivery = add_due(recipient, endpoint, lost_claims=1)
    body = get(f"/delivery-log/{delivery.id}").json()
    assert (body["payload"], body["payload_sent_as"]) == (None, None)


def test_retry(recipient: Recipient, endpoint: Endpoint) -> None:
    (delivery_id,) = add_many(recipient, endpoint, 1)
    body = post(f"/delivery-log/{delivery_id}/retry", None).json()
    assert body["message"] == f"Delivery {delivery_id} queued for retry"
    assert (body["status"], body["id"]) == ("pending", str(delivery_id))


def test_release_and_discard(recipient: Recipient, endpoint: Endpoint) -> None:
    for action, status in (("release", "pending"), ("discard", "discarded")):
        (delivery_id,) = add_many(recipient, endpoint, 1, status=Status.QUARANTINED)
        response = post(f"/delivery-log/{delivery_id}/{action}", None)
        assert (response.status_code, response.json()["status"]) == (200, status)


@pytest.mark.parametrize(
    ("action", "status", "words"),
    [
        ("retry", Status.DROPPED, "dropped by the rules"),
        ("retry", Status.QUARANTINED, "release or discard"),
        ("release", Status.DELIVERED, "Only what is quarantined"),
        ("discard", Status.DELIVERED, "quarantined or held"),
    ],
)
def test_what_cannot_be_done_is_a_400(
    recipient: Recipient, endpoint: Endpoint, action: str, status: Status, words: str
) -> None:
    (delivery_id,) = add_many(recipient, endpoint, 1, status=status)
    response = post(f"/delivery-log/{delivery_id}/{action}", None)
    assert response.status_code == 400
    assert words in response.json()["detail"]
    assert Delivery.objects.get().status == status


@pytest.mark.parametrize("action", ["", "/retry", "/release", "/discard"])
def test_what_is_not_there(action: str) -> None:
    method = "POST" if action else "GET"
    assert call(method, f"/delivery-log/{uuid7()}{action}").status_code == 404
    response = call(method, f"/delivery-log/x{action}")
    assert errors(response) == {"/delivery_id": "invalid_uuid"}


class TestBulk:
    def test_a_dry_run(self, path: str, recipient: Recipient, endpoint: Endpoint) -> None:
        add_many(recipient, endpoint, 3)
        response = post(f"{path}/retry", {"dry_run": True})
        assert response.status_code == 200
        assert response.json() == {
            "matched": 3,
            "not_replayable": 0,
            "queued": 0,
            "dry_run": True,
        }
        assert not Replay.objects.exists()

    @pytest.mark.parametrize("dry_run", [True, False])
    def test_what_is_of_another_domain(
        self, path: str, recipient: Recipient, endpoint: Endpoint, dry_run: bool
    ) -> None:
        other = Domain.objects.create(domain_name="example.net")
        theirs = {
            "recipient_id": Recipient.objects.create(domain=other, webhook_url=URL).id,
            "endpoint_id": create_endpoint(other).id,
        }
        for name, id in theirs.items():
            response = post(f"{path}/retry", {name: str(id), "dry_run": dry_run})
            assert errors(response) == {f"/{name}": "not_replayable"}
        assert not Replay.objects.exists()

    def test_start_watch_cancel(
        self, path: str, domain: Domain, recipient: Recipient, endpoint: Endpoint
    ) -> None:
        add_many(recipient, endpoint, 3)
        response = post(f"{path}/retry", {"status": ["exhausted"]})
        assert response.status_code == 202
        started = response.json()
        assert (started["matched"], started["queued"]) == (3, 0)
        replay = f"/domains/{domain.id}/replays/{started['replay_id']}"
        body = get(replay).json()
        assert (body["state"], body["requested_by"]) == ("collecting", "root")
        assert (body["delivered"], body["failed"], body["waiting"]) == (0, 0, 0)
        assert body["matched"] is None  # not known yet
        Feeder().step()
        body = get(replay).json()
        assert (body["state"], body["matched"]) == ("running", 3)
        assert [row["id"] for row in get(f"/domains/{domain.id}/replays").json()] == [body["id"]]
        assert post(f"{replay}/cancel", None).json()["state"] == "cancelled"
        assert post(f"{replay}/cancel", None).status_code == 400

    def test_very_many_are_not_counted_first(
        self,
        path: str,
        recipient: Recipient,
        endpoint: Endpoint,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("delivery.replay.replays.COUNTED_AT_START", 2)
        add_many(recipient, endpoint, 3)
        assert post(f"{path}/retry", {"dry_run": True}).json()["matched"] == 3
        started = post(f"{path}/retry", {}).json()
        assert (started["matched"], started["not_replayable"]) == (None, None)

    @pytest.mark.parametrize(
        ("body", "pointer", "code"),
        [
            ({"status": ["lost"]}, "/status/0", "invalid_choice"),
            ({"status": []}, "/status", "empty"),
            ({"status": "failed"}, "/status", "not_a_list"),
            ({"status": ["dropped"]}, "/status", "not_replayable"),
            ({"status": None}, "/status", "null"),
            ({"since": "x"}, "/since", "invalid"),
            ({"recipient_id": 5.5}, "/recipient_id", "invalid"),
            ({"dry_run": "perhaps"}, "/dry_run", "invalid"),
            (
                {"since": "2026-01-02T00:00Z", "until": "2026-01-01T00:00Z"},
                "/until",
                "invalid_range",
            ),
        ],
    )
    def test_a_body_that_is_refused(
        self, path: str, body: dict[str, Any], pointer: str, code: str
    ) -> None:
        response = post(f"{path}/retry", body)
        assert response.status_code == 422
        assert errors(response) == {pointer: code}
        assert not Replay.objects.exists()

    def test_a_replay_of_another_domain(self, domain: Domain) -> None:
        other = Domain.objects.create(domain_name="example.net")
        replay = Replay.objects.create(domain=other, filter={})
        assert get(f"/domains/{domain.id}/replays/{replay.id}").status_code == 404
        assert post(f"/domains/{domain.id}/replays/{replay.id}/cancel", None).status_code == 404
