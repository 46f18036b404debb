"""The admin's pages render whatever the rows refer to, and cost a bounded number of queries."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Domain, User
from delivery.admin import readonly
from delivery.by_hand.deletion import delete_domain
from delivery.models import Attempt, Delivery, Endpoint, Lane, Message, Recipient
from delivery.tests.plain_jobs import KEY, SECRET
from delivery.tests.records import (
    RAW,
    URL,
    create_attempt,
    create_delivery,
    create_endpoint,
    create_message,
)

pytestmark = pytest.mark.django_db

MODELS = [User, Domain, Recipient, Endpoint, Message, Delivery]


def _fill(name: str) -> Delivery:
    domain = Domain.objects.create(domain_name=name)
    recipient = Recipient.objects.create(
        domain=domain, local_part="support", webhook_url=URL, webhook_headers={"X-Key": "s3cret"}
    )
    endpoint = create_endpoint(domain)
    delivery = create_delivery(create_message(domain), recipient, endpoint)
    create_attempt(delivery)
    return delivery


def _list_page(model: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def _page(record: Any) -> str:
    opts = record._meta
    return reverse(f"admin:{opts.app_label}_{opts.model_name}_change", args=[record.pk])


def _text(response: Any) -> str:
    assert response.status_code == 200
    return response.content.decode()


@pytest.mark.parametrize("model", MODELS)
def test_every_list_and_page_renders(browser: Client, model: Any) -> None:
    _fill("example.com")
    _text(browser.get(_list_page(model)))
    _text(browser.get(_page(model.objects.first())))


@pytest.mark.parametrize("model", MODELS)
def test_search_finds_and_does_not_find(browser: Client, model: Any) -> None:
    _fill("example.com")
    record = model.objects.first()
    words = {
        User: "alice",
        Domain: "EXAMPLE",
        Recipient: "support",
        Endpoint: "webhook",
        Message: "hello@example.org",
        Delivery: "hello@example.org",
    }
    for word, is_found in ((words[model], True), ("no such thing", False)):
        page = _text(browser.get(_list_page(model), {"q": word}))
        assert (_page(record) in page) is is_found


@pytest.mark.parametrize("model", MODELS)
def test_a_longer_list_costs_no_more_queries(browser: Client, model: Any) -> None:
    def count_queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            _text(browser.get(_list_page(model)))
        return len(queries)

    _fill("d0.example")
    count_queries()  # warms what Django keeps
    before = count_queries()
    for number in range(1, 6):
        _fill(f"d{number}.example")
    User.objects.create_user("bob")
    assert count_queries() == before


@pytest.mark.parametrize("model", [Message, Delivery])
def test_mail_is_never_counted(browser: Client, model: Any) -> None:
    _fill("example.com")
    with CaptureQueriesContext(connection) as queries:
        browser.get(_list_page(model))
    assert not [query for query in queries if "COUNT(" in query["sql"]]


@pytest.mark.parametrize("model", [Message, Delivery])
def test_mail_of_a_deleted_domain_is_still_shown(browser: Client, model: Any) -> None:
    delivery = _fill("example.com")
    delete_domain(Domain.objects.get())
    page = _text(browser.get(_list_page(model)))
    assert _page(delivery if model is Delivery else delivery.message) in page
    assert "Hello" in _text(browser.get(_page(model.objects.get())))


@pytest.mark.parametrize("model", [Message, Delivery])
def test_mail_is_read_only(browser: Client, model: Any) -> None:
    _fill("example.com")
    record = model.objects.get()
    assert browser.post(_page(record), {"subject": "other"}).status_code == 403
    assert browser.get(_list_page(model) + "add/").status_code == 403
    assert (
        browser.post(f"{_list_page(model)}{record.pk}/delete/", {"post": "yes"}).status_code == 403
    )
    assert model.objects.filter(pk=record.pk).exists()


def _hold(delivery: Delivery) -> None:
    Lane.objects.update(state=Lane.State.DISABLED, disabled_reason="HTTP 410")


def _exhaust(delivery: Delivery) -> None:
    Delivery.objects.update(status=Delivery.Status.EXHAUSTED)


@pytest.mark.parametrize(
    ("change", "shown"), [(_hold, "held"), (_exhaust, "exhausted"), (lambda _: None, "pending")]
)
def test_what_a_delivery_is_doing(
    browser: Client, change: Callable[[Delivery], None], shown: str
) -> None:
    delivery = _fill("example.com")
    change(delivery)
    for page in (_page(delivery), _page(delivery.message)):
        text = _text(browser.get(page))
        found = [state for state in ("held", "exhausted", "pending") if f">{state}</div>" in text]
        assert found == [shown]


def test_abbreviations_are_spelt_and_times_have_a_zone(browser: Client) -> None:
    delivery = _fill("example.com")
    page = _text(browser.get(_page(delivery)))
    assert "Webhook URL" in page
    assert "Webhook url" not in page
    assert " UTC" in _text(browser.get(_list_page(Delivery)))


def test_a_delivery_shows_its_attempts(browser: Client) -> None:
    delivery = _fill("example.com")
    Attempt.objects.update(response_excerpt="<b>Workflow could not be started</b>")
    page = _text(browser.get(_page(delivery)))
    assert "&lt;b&gt;Workflow could not be started" in page


def test_a_message_leads_to_its_deliveries(browser: Client) -> None:
    delivery = _fill("example.com")
    delete_domain(Domain.objects.get())
    page = _text(browser.get(_page(delivery.message)))
    assert _page(delivery) in page
    assert "support@example.com" in page


def test_a_message_shows_its_source(browser: Client) -> None:
    delivery = _fill("example.com")
    assert "It works." in _text(browser.get(_page(delivery.message)))


def test_the_bytes_of_a_message_can_be_downloaded(browser: Client) -> None:
    delivery = _fill("example.com")
    link = reverse("admin:delivery_message_raw", args=[delivery.message_id])
    assert link in _text(browser.get(_page(delivery.message)))
    response = browser.get(link)
    assert response.content == RAW
    assert response["Content-Type"] == "message/rfc822"
    assert response["Content-Disposition"].startswith("attachment")
    assert response["X-Content-Type-Options"] == "nosniff"


def test_a_message_whose_bytes_are_gone(browser: Client) -> None:
    delivery = _fill("example.com")
    Message.objects.update(raw=None)
    _text(browser.get(_page(delivery)))
    sentence = "The bytes of this message have been deleted: their retention is over."
    assert sentence in _text(browser.get(_page(delivery.message)))
    answer = browser.get(reverse("admin:delivery_message_raw", args=[delivery.message_id]))
    assert (answer.status_code, answer.content.decode()) == (410, f"{sentence}\n")


def test_the_bytes_of_a_message_that_never_was(browser: Client) -> None:
    assert browser.get(reverse("admin:delivery_message_raw", args=[uuid4()])).status_code == 404


def test_a_message_whose_log_is_gone(browser: Client) -> None:
    message = _fill("example.com").message
    Attempt.objects.all().delete()
    Delivery.objects.all().delete()
    _text(browser.get(_page(message)))


@pytest.mark.parametrize("model", [Recipient, Endpoint, Delivery])
def test_no_secret_is_ever_shown(browser: Client, model: Any) -> None:
    _fill("example.com")
    secret = Endpoint.objects.get().secret
    for path in (_list_page(model), _page(model.objects.get())):
        page = _text(browser.get(path))
        assert "s3cret" not in page
        assert secret not in page


def test_a_secret_is_shown_to_who_asks_for_it(browser: Client) -> None:
    _fill("example.com")
    Endpoint.objects.update(secret=SECRET)
    endpoint = Endpoint.objects.get()
    link = reverse("admin:delivery_endpoint_secret", args=[endpoint.pk])
    assert link in _text(browser.get(_page(endpoint)))
    response = browser.get(link)
    assert response["Content-Type"] == "text/plain"
    assert "no-store" in response["Cache-Control"]
    assert _text(response).split() == ["secret", SECRET, "key", "as", "text", KEY.decode()]


@pytest.mark.parametrize(
    "path", ["/admin/", *[f"/admin/{name}/" for name in ("delivery", "accounts")]]
)
def test_only_superusers_come_in(path: str) -> None:
    client = Client()
    for user in (None, User.objects.create_user("bob")):
        if user is not None:
            client.force_login(user)
        response = client.get(path)
        assert response.status_code == 302
        assert response["Location"].startswith("/admin/login/")


@pytest.mark.parametrize(
    ("page", "model"), [("message_raw", Message), ("endpoint_secret", Endpoint)]
)
def test_only_superusers_get_what_is_confidential(page: str, model: Any) -> None:
    _fill("example.com")
    client = Client()
    client.force_login(User.objects.create_user("bob"))
    link = reverse(f"admin:delivery_{page}", args=[model.objects.get().pk])
    assert client.get(link).status_code == 302


def test_a_delivery_says_who_has_to_mend_it(browser: Client) -> None:
    delivery = _fill("example.com")
    assert "auth" not in _text(browser.get(_page(delivery)))
    Delivery.objects.update(last_status_code=401)
    assert _text(browser.get(_page(delivery))).count("auth") == 1
    Attempt.objects.update(status_code=403)
    assert _text(browser.get(_page(delivery))).count("auth") == 2


@pytest.mark.parametrize("model", [Message, Delivery])
def test_old_mail_is_found_by_its_whole_message_id_alone(
    browser: Client, model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readonly, "SEARCHED", 1)
    for number in range(3):
        delivery = _fill(f"{number}.example")
        Message.objects.filter(pk=delivery.message_id).update(
            subject=f"Subject {number}", internet_message_id=f"<{number}@example.org>"
        )

    def found(term: str) -> list[str]:
        text = _text(browser.get(_list_page(model), {"q": term}))
        return [str(number) for number in range(3) if f"Subject {number}" in text]

    assert found("subject") == ["2"]
    assert found("<0@example.org>") == found(" <0@example.org> ") == ["0"]
    assert found("<0@example.org") == []
    assert found("") == ["0", "1", "2"]
