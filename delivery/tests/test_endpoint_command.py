"""`endpoint list`, `show`, `set`, `test` and `rotate-secret`."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import Domain
from delivery.bodies.signing import key_as_text
from delivery.models import Endpoint
from delivery.tests.records import URL, create_endpoint
from delivery.tests.webhook_receiver import WebhookReceiver

pytestmark = pytest.mark.django_db


@pytest.fixture
def other_domain() -> Domain:
    return Domain.objects.create(domain_name="example.net")


def run(*arguments: str) -> str:
    output = StringIO()
    call_command("endpoint", *arguments, stdout=output)
    return output.getvalue()


def test_list(endpoint: Endpoint, other_domain: Domain) -> None:
    other = create_endpoint(other_domain, url="https://hooks.example/a", state="disabled")
    rows: Any = json.loads(run("list", "--json"))
    assert rows == [
        {
            "id": str(endpoint.id),
            "domain": "example.com",
            "url": URL,
            "mode": "json",
            "status": "active",
        },
        {
            "id": str(other.id),
            "domain": "example.net",
            "url": "https://hooks.example/a",
            "mode": "json",
            "status": "disabled",
        },
    ]
    assert [row["id"] for row in json.loads(run("list", "example.net", "--json"))] == [
        str(other.id)
    ]


@pytest.mark.parametrize("by", ["id", "url"])
def test_an_endpoint_is_named_by_id_or_url(endpoint: Endpoint, by: str) -> None:
    shown = run("show", str(getattr(endpoint, by)))
    assert str(endpoint.id) in shown
    assert URL in shown
    assert endpoint.secret not in shown


def test_the_secret_is_shown_to_who_asks_for_it(endpoint: Endpoint) -> None:
    shown = run("show", URL, "--secret")
    assert endpoint.secret in shown
    assert key_as_text(endpoint.secret) in shown


def test_set(endpoint: Endpoint) -> None:
    limits = ["--max-body", "50000", "--timeout", "9", "--concurrency", "4"]
    said = run("set", URL, "--mode", "multipart", *limits)
    assert f"{URL} has " in said
    assert "mode multipart" in said
    changed = Endpoint.objects.get()
    assert (changed.mode, changed.concurrency) == ("multipart", 4)
    assert (changed.max_body_bytes, changed.timeout_seconds) == (50_000, 9)
    assert changed.secret == endpoint.secret
    assert "max_body_bytes none" in run("set", str(endpoint.id), "--max-body", "none")
    changed.refresh_from_db()
    assert (changed.mode, changed.max_body_bytes, changed.timeout_seconds) == ("multipart", None, 9)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "Name what to change"),
        (["--mode", "xml"], "mode: .*xml"),
        (["--max-body", "10"], "max_body_bytes: .*4096"),
        (["--max-body", "much"], "neither a number nor none"),
        (["--timeout", "0"], "timeout_seconds: "),
        (["--concurrency", "0", "--mode", "raw"], "concurrency: "),
        (["--concurrency", "few"], "invalid int"),
    ],
)
def test_what_set_refuses(endpoint: Endpoint, options: list[str], words: str) -> None:
    before = Endpoint.objects.values().get()
    with pytest.raises(CommandError, match=words):
        run("set", URL, *options)
    assert Endpoint.objects.values().get() == before


def test_a_trial(domain: Domain, receiver: WebhookReceiver) -> None:
    endpoint = create_endpoint(domain, url=receiver.url())
    receiver.answer("/", 200, 500)
    assert f"{endpoint.url} answered 200 in " in run("test", endpoint.url)
    with pytest.raises(CommandError, match="the receiver answered 500"):
        run("test", str(endpoint.id))
    assert [made.headers["fastsmtp-event"] for made in receiver.calls] == ["test", "test"]


@pytest.mark.parametrize(
    "name", ["http://127.0.0.1:9/other", "01943a5c-0000-7000-8000-00000000000f"]
)
def test_an_endpoint_that_is_not_there(endpoint: Endpoint, name: str) -> None:
    with pytest.raises(CommandError, match="There is no endpoint"):
        run("rotate-secret", name)


def test_a_url_that_two_domains_use(endpoint: Endpoint, other_domain: Domain) -> None:
    other = create_endpoint(other_domain)
    with pytest.raises(CommandError, match="Several domains") as refusal:
        run("rotate-secret", URL)
    assert f"{endpoint.id} (example.com), {other.id} (example.net)" in str(refusal.value)
    run("rotate-secret", str(other.id))
    assert Endpoint.objects.get(pk=endpoint.pk).previous_secret is None
    assert Endpoint.objects.get(pk=other.pk).previous_secret == other.secret


@pytest.mark.parametrize(
    ("options", "grace"),
    [
        ([], timedelta(hours=24)),
        (["--grace", "90m"], timedelta(minutes=90)),
        (["--grace", "7d"], timedelta(days=7)),
    ],
)
def test_rotation(endpoint: Endpoint, options: list[str], grace: timedelta) -> None:
    before = timezone.now()
    said = run("rotate-secret", URL, *options)
    rotated = Endpoint.objects.get()
    assert rotated.previous_secret == endpoint.secret
    kept = rotated.previous_secret_expires_at
    assert kept is not None
    assert before + grace <= kept <= timezone.now() + grace
    assert rotated.secret in said
    assert key_as_text(rotated.secret) in said
    assert endpoint.secret not in said
    assert f"until {kept.isoformat(' ', 'seconds')}" in said


def test_rotation_at_once(endpoint: Endpoint) -> None:
    assert "signs no more" in run("rotate-secret", URL, "--grace", "0")
    assert Endpoint.objects.get().previous_secret is None


@pytest.mark.parametrize(
    ("grace", "words"),
    [("soon", "not a duration"), ("31d", "from 0 to 30 days"), ("9" * 30 + "d", "--grace")],
)
def test_a_grace_that_is_refused(endpoint: Endpoint, grace: str, words: str) -> None:
    with pytest.raises(CommandError, match=words):
        run("rotate-secret", URL, "--grace", grace)
    assert Endpoint.objects.get().secret == endpoint.secret
