"""What a receiver gets is what the `standardwebhooks` package accepts, and nothing else."""

import dataclasses
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from delivery.bodies.signing import sign_with_all
from delivery.models.endpoint import generate_secret
from delivery.tests.forms import read_form
from delivery.tests.plain_jobs import SECRET
from delivery.tests.real_calls import call
from delivery.tests.standard_webhooks import is_payload_signed, is_signed
from delivery.tests.webhook_receiver import Call, WebhookReceiver

MODES = ["json", "multipart", "raw", "thin"]
OLD = generate_secret()
STRANGER = generate_secret()
MAIL = (
    "From: Jürgen <juergen@example.org>\r\nTo: support@example.com\r\n"
    "Subject: Grüße aus Köln 🌍\r\nContent-Type: text/plain; charset=utf-8\r\n"
    "Content-Transfer-Encoding: 8bit\r\n\r\nSchöne Grüße, 日本語, 🎉\r\n"
)


def in_rotation(**changes: Any) -> dict[str, Any]:
    """Of a target whose secret was `OLD` before."""
    expires_at = timezone.now() + timedelta(hours=1)
    return {"previous_secret": OLD, "previous_secret_expires_at": expires_at, **changes}


def signatures(call: Call) -> list[str]:
    return call.headers["webhook-signature"].split(" ")


@pytest.mark.parametrize("mode", MODES)
def test_every_mode(receiver: WebhookReceiver, mode: str) -> None:
    got = call(receiver, MAIL.encode(), mode=mode)
    assert len(signatures(got)) == 1
    assert is_signed(got, SECRET)
    assert not is_signed(got, STRANGER)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("change", ["body", "webhook-id", "webhook-timestamp"])
def test_a_changed_call_is_refused(receiver: WebhookReceiver, mode: str, change: str) -> None:
    got = call(receiver, MAIL.encode(), mode=mode)
    if change == "body":
        forged = dataclasses.replace(got, body=got.body + b" ")
    else:
        value = got.headers[change]
        last = str((int(value[-1], 16) + 1) % 10)
        forged = dataclasses.replace(got, headers={**got.headers, change: value[:-1] + last})
    assert not is_signed(forged, SECRET)


@pytest.mark.parametrize("mode", MODES)
def test_in_a_rotation_both_secrets_are_accepted(receiver: WebhookReceiver, mode: str) -> None:
    got = call(receiver, MAIL.encode(), mode=mode, target=in_rotation())
    assert is_signed(got, SECRET)
    assert is_signed(got, OLD)
    assert not is_signed(got, STRANGER)


def test_the_newest_signature_comes_first(receiver: WebhookReceiver) -> None:
    """Who looks at the first one only should have the new secret soon."""
    got = call(receiver, MAIL.encode(), target=in_rotation())
    first, second = signatures(got)
    for signature, secret in ((first, SECRET), (second, OLD)):
        alone = dataclasses.replace(got, headers={**got.headers, "webhook-signature": signature})
        assert is_signed(alone, secret)


@pytest.mark.parametrize(
    "ended",
    [
        {"previous_secret_expires_at": timezone.now() - timedelta(seconds=1)},
        {"previous_secret_expires_at": None},
        {"previous_secret": None},
    ],
)
def test_after_the_rotation_the_old_secret_is_refused(
    receiver: WebhookReceiver, ended: dict[str, Any]
) -> None:
    got = call(receiver, MAIL.encode(), target=in_rotation(**ended))
    assert len(signatures(got)) == 1
    assert is_signed(got, SECRET)
    assert not is_signed(got, OLD)


def test_the_payload_of_a_form_is_signed_by_itself(receiver: WebhookReceiver) -> None:
    got = call(receiver, MAIL.encode(), mode="multipart", target=in_rotation())
    texts, _ = read_form(got.headers["content-type"], got.body)
    for secret in (SECRET, OLD):
        assert is_payload_signed(got, texts["payload"], secret)
        assert not is_payload_signed(got, texts["payload"] + " ", secret)
    assert not is_payload_signed(got, texts["payload"], STRANGER)


@settings(max_examples=200)
@given(
    body=st.text(st.characters(exclude_categories=["Cs"])),
    count=st.integers(1, 3),
    position=st.integers(0, 2),
)
def test_any_text_and_any_of_the_secrets(body: str, count: int, position: int) -> None:
    secrets = [generate_secret() for _ in range(count)]
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(int(timezone.now().timestamp()))}
    headers["webhook-signature"] = sign_with_all(
        secrets,
        webhook_id="msg_1",
        timestamp=int(headers["webhook-timestamp"]),
        body=body.encode(),
    )
    got = Call("/", headers, body.encode())
    assert is_signed(got, secrets[position % count])
    assert not is_signed(got, STRANGER)
