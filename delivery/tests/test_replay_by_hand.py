"""Replays, retries and switches by the commands and in the admin."""

import io
import re
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from accounts.models import Domain, User
from delivery.models import Delivery, Endpoint, Lane, Recipient, Replay
from delivery.tests.records import URL, create_endpoint
from delivery.tests.replaying import add_many, run_to_end
from delivery.tests.waiting_mail import add_due, claim_one
from fastsmtp.ids import uuid7

pytestmark = pytest.mark.django_db

Status = Delivery.Status


def _run(*arguments: str) -> str:
    output = io.StringIO()
    call_command(*arguments, stdout=output)
    return output.getvalue()


def test_a_replay_by_command(recipient: Recipient, endpoint: Endpoint) -> None:
    add_many(recipient, endpoint, 3)
    options = ["--recipient", "support", "--endpoint", URL, "--since", "2020-01-01"]
    assert _run("replay", "list") == "There are no replays.\n"
    assert "3 deliveries match.\n" in _run("replay", "start", "example.com", *options, "--dry-run")
    assert not Replay.objects.exists()
    output = _run("replay", "start", "example.com", *options)
    replay = Replay.objects.get()
    assert str(replay.id) in output
    run_to_end(replay)
    shown = _run("replay", "show", str(replay.id))
    assert re.search(r"delivered\s+3\n", shown)
    assert str(replay.id) in _run("replay", "list")
    with pytest.raises(CommandError, match="ended already"):
        _run("replay", "cancel", str(replay.id))


def test_the_endpoint_of_a_replay_is_of_its_domain(
    browser: Client, recipient: Recipient, endpoint: Endpoint
) -> None:
    """Several domains may have its URL."""
    foreign = create_endpoint(Domain.objects.create(domain_name="example.net"))
    start = ["replay", "start", "example.com", "--dry-run", "--endpoint"]
    assert "0 deliveries match" in _run(*start, URL)
    with pytest.raises(CommandError, match=f"no endpoint {foreign.id} of example.com"):
        _run(*start, str(foreign.id))
    strangers = Recipient.objects.create(domain=foreign.domain, local_part="x", webhook_url=URL)
    for name, of_another in {"endpoint": foreign, "recipient": strangers}.items():
        form = _replay_form(recipient) | {name: str(of_another.pk)}
        page = browser.post(reverse("admin:delivery_replay_add"), form).content.decode()
        assert f"The {name} is not of this domain." in page
    assert not Replay.objects.exists()


def test_a_replay_is_cancelled_by_command(recipient: Recipient, endpoint: Endpoint) -> None:
    _run("replay", "start", "example.com", "--rules", "--status", "quarantined")
    _run("replay", "cancel", str(Replay.objects.get().id))
    assert Replay.objects.get().state == Replay.State.CANCELLED


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["replay", "start", "example.net"], "no domain example.net"),
        (["replay", "start", "example.com", "--recipient", "x"], "no recipient x@example.com"),
        (["replay", "start", "example.com", "--endpoint", "http://x/"], "no endpoint"),
        (["replay", "start", "example.com", "--since", "soon"], "ISO 8601"),
        (["replay", "start", "example.com", "--status", "dropped"], "rules evaluated again"),
        (["replay", "show", "x"], "no replay x"),
        (["replay", "cancel", str(uuid7())], "no replay"),
        (["endpoint", "enable", str(uuid7())], "no endpoint"),
    ],
)
def test_what_a_command_refuses(
    recipient: Recipient, endpoint: Endpoint, arguments: list[str], words: str
) -> None:
    with pytest.raises(CommandError, match=words):
        _run(*arguments)
    assert not Replay.objects.exists()


@pytest.mark.parametrize("name", ["url", "id"])
def test_an_endpoint_is_switched_by_command(endpoint: Endpoint, name: str) -> None:
    named = str(getattr(endpoint, name))
    assert "is disabled" in _run("endpoint", "disable", named, "--reason", "maintenance")
    assert "maintenance" in _run("endpoint", "show", named)
    assert "is probing" in _run("endpoint", "enable", named)
    assert "probing" in _run("endpoint", "list", "example.com")


def _act(browser: Client, model: str, action: str, *ids: Any) -> str:
    page = reverse(f"admin:delivery_{model}_changelist")
    chosen = {"action": action, "_selected_action": list(ids)}
    return browser.post(page, chosen, follow=True).content.decode()


def test_retried_in_the_admin(browser: Client, recipient: Recipient, endpoint: Endpoint) -> None:
    ids = add_many(recipient, endpoint, 2) + add_many(recipient, endpoint, 1, status="dropped")
    page = _act(browser, "delivery", "retry", *ids)
    assert "2 deliveries were queued" in page
    assert "1 not: It was dropped" in page
    assert Delivery.objects.filter(status=Status.PENDING).count() == 2


def test_more_than_somebody_can_wait_for(
    browser: Client,
    recipient: Recipient,
    endpoint: Endpoint,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("delivery.admin.deliveries.MOST", 2)
    ids = add_many(recipient, endpoint, 3)
    page = reverse("admin:delivery_delivery_changelist")
    everything = {"action": "retry", "select_across": "1", "_selected_action": ids[:1]}
    response = browser.post(page, everything, follow=True)
    assert "Choose 2 at most" in response.content.decode()
    assert not Delivery.objects.exclude(status=Status.EXHAUSTED).exists()


def test_switched_in_the_admin(browser: Client, endpoint: Endpoint) -> None:
    _act(browser, "endpoint", "disable", endpoint.pk)
    lane = Lane.objects.get()
    assert (lane.state, lane.disabled_reason) == (Lane.State.DISABLED, "by alice")
    _act(browser, "endpoint", "enable", endpoint.pk)
    assert Lane.objects.get().state == Lane.State.PROBING


def _press(browser: Client, record: Any, name: str) -> str:
    page = reverse(f"admin:delivery_{record._meta.model_name}_change", args=[record.pk])
    link = page.removesuffix("change/") + f"{name}/"
    assert link in browser.get(page).content.decode()
    assert "?</h1>" in "".join(browser.get(link).content.decode().split())
    return browser.post(link, {"_form_submitted": "on"}, follow=True).content.decode()


def test_a_delivery_s_own_page_has_buttons(
    browser: Client, recipient: Recipient, endpoint: Endpoint
) -> None:
    (id,) = add_many(recipient, endpoint, 1)
    delivery = Delivery.objects.get(pk=id)
    assert "0 deliveries were released." in _press(browser, delivery, "release")
    assert "0 deliveries were discarded." in _press(browser, delivery, "discard")
    delivery.refresh_from_db()
    assert delivery.status == Status.EXHAUSTED
    assert "1 delivery was queued." in _press(browser, delivery, "retry")
    delivery.refresh_from_db()
    assert delivery.status == Status.PENDING


def test_an_endpoint_s_own_page_has_buttons(browser: Client, endpoint: Endpoint) -> None:
    assert "1 endpoint is disabled" in _press(browser, endpoint, "disable")
    assert Lane.objects.get().disabled_reason == "by alice"
    page = browser.get(reverse("admin:delivery_endpoint_changelist")).content.decode()
    assert "by alice" in page
    assert "1 endpoint is being probed" in _press(browser, endpoint, "enable")
    assert Lane.objects.get().state == Lane.State.PROBING


def test_to_look_at_a_button_s_page_does_nothing(browser: Client, endpoint: Endpoint) -> None:
    page = reverse("admin:delivery_endpoint_change", args=[endpoint.pk])
    browser.get(page.removesuffix("change/") + "disable/")
    assert Lane.objects.get().state == Lane.State.ACTIVE


def _replay_form(recipient: Recipient, **changes: Any) -> dict[str, Any]:
    form = {"domain": str(recipient.domain_id), "statuses": ["exhausted"], **changes}
    times = {f"{name}_{part}": "" for name in ("since", "until") for part in (0, 1)}
    return times | form


def test_a_replay_in_the_admin(browser: Client, recipient: Recipient, endpoint: Endpoint) -> None:
    add_many(recipient, endpoint, 2)
    page = reverse("admin:delivery_replay_add")
    assert browser.get(page).status_code == 200
    chosen: dict[str, Any] = {"_count": "1", "endpoint": str(endpoint.pk), "since_0": "2020-01-02"}
    chosen |= {"since_1": "03:04:05", "statuses": ["exhausted", "held"]}
    counted = browser.post(page, _replay_form(recipient, **chosen), follow=True)
    text = counted.content.decode()
    assert "2 deliveries match." in text
    assert "Count</button>" in "".join(text.split())
    first = counted.context["adminform"].form.initial
    assert (first["statuses"], first["endpoint"]) == (["exhausted", "held"], str(endpoint.pk))
    assert ('value="2020-01-02"' in text, 'value="03:04:05"' in text) == (True, True)
    refused = browser.post(page, _replay_form(recipient, statuses=["dropped"])).content.decode()
    assert "rules evaluated again" in refused
    assert not Replay.objects.exists()
    browser.post(page, _replay_form(recipient))
    replay = run_to_end(Replay.objects.get())
    assert (replay.requested_by, replay.queued) == ("alice", 2)
    shown = browser.get(reverse("admin:delivery_replay_change", args=[replay.pk]))
    assert "2 delivered, 0 failed, 0 waiting" in shown.content.decode()
    assert "&quot;status&quot;" not in shown.content.decode()
    assert browser.get(reverse("admin:delivery_replay_changelist")).status_code == 200


def test_a_replay_is_cancelled_in_the_admin(
    browser: Client, recipient: Recipient, endpoint: Endpoint
) -> None:
    browser.post(reverse("admin:delivery_replay_add"), _replay_form(recipient))
    _act(browser, "replay", "cancel", Replay.objects.get().pk)
    assert Replay.objects.get().reason == "cancelled by alice"


@pytest.mark.parametrize("state", ["held", "sending"])
def test_derived_states_are_filters(
    browser: Client, recipient: Recipient, endpoint: Endpoint, state: str
) -> None:
    sending = add_due(recipient, endpoint)
    claim_one(endpoint)
    plain = add_due(recipient, endpoint)
    held = add_due(
        recipient, create_endpoint(recipient.domain, url=f"{URL}/held", state="disabled")
    )
    listed = browser.get(reverse("admin:delivery_delivery_changelist"), {"state": state})
    shown = {
        delivery
        for delivery in (sending, plain, held)
        if reverse("admin:delivery_delivery_change", args=[delivery.pk]) in listed.content.decode()
    }
    assert shown == {{"held": held, "sending": sending}[state]}


def test_others_do_none_of_it(recipient: Recipient, endpoint: Endpoint) -> None:
    client = Client()
    client.force_login(User.objects.create_user("bob"))
    assert client.post(reverse("admin:delivery_replay_add"), {}).status_code == 302
    ids = add_many(recipient, endpoint, 1)
    _act(client, "delivery", "retry", *ids)
    _act(client, "endpoint", "disable", endpoint.pk)
    assert Delivery.objects.get().status == Status.EXHAUSTED
    assert Lane.objects.get().state == Lane.State.ACTIVE


def test_the_form_searches_where_there_may_be_thousands(
    browser: Client, recipient: Recipient, endpoint: Endpoint
) -> None:
    page = browser.get(reverse("admin:delivery_replay_add")).content.decode()
    assert URL not in page
    assert recipient.address not in page
    for name, text in {"domain": "example.com", "recipient": "support", "endpoint": URL}.items():
        assert f'data-field-name="{name}"' in page
        asked = {
            "app_label": "delivery",
            "model_name": "delivery",
            "field_name": name,
            "term": text,
        }
        (found,) = browser.get(reverse("admin:autocomplete"), asked).json()["results"]
        assert text in found["text"]


def test_what_was_found_is_what_is_replayed(
    browser: Client, recipient: Recipient, endpoint: Endpoint
) -> None:
    other = Recipient.objects.create(domain=recipient.domain, local_part="x", webhook_url=URL)
    add_many(recipient, endpoint, 2)
    add_many(other, endpoint, 1)
    chosen = {"recipient": str(recipient.pk), "endpoint": str(endpoint.pk)}
    page = reverse("admin:delivery_replay_add")
    counting = _replay_form(recipient, _count="1") | chosen
    again = browser.post(page, counting, follow=True).content.decode()
    assert "2 deliveries match" in again
    assert recipient.address in again  # still chosen
    browser.post(page, _replay_form(recipient) | chosen)
    assert run_to_end(Replay.objects.get()).queued == 2
