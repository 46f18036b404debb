"""`domain`: what the server accepts mail for, by hand."""

import io
import json

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Domain
from delivery.models import Recipient
from delivery.tests.records import URL, create_delivery, create_endpoint, create_message

pytestmark = pytest.mark.django_db


def _domain(*arguments: str) -> str:
    output = io.StringIO()
    call_command("domain", *arguments, stdout=output)
    return output.getvalue()


def test_create() -> None:
    assert "xn--bcher-kva.example" in _domain("create", "Bücher.example")
    assert Domain.objects.get().domain_name == "xn--bcher-kva.example"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["create", "EXAMPLE.com"], "already exists"),
        (["create", "a..b"], "empty label"),
        (["delete", "example.net", "--yes"], "no domain example.net"),
        (["delete", "a..b", "--yes"], "no domain a..b"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(arguments: list[str], words: str) -> None:
    _domain("create", "example.com")
    with pytest.raises(CommandError, match=words):
        _domain(*arguments)
    assert Domain.objects.count() == 1


def test_list() -> None:
    _domain("create", "example.com")
    Recipient.objects.create(domain=Domain.objects.get(), webhook_url=URL)
    _, row = _domain("list").splitlines()
    assert row.split()[:3] == ["example.com", "yes", "1"]
    assert json.loads(_domain("list", "--json"))[0]["recipients"] == 1


def test_delete_tells_what_it_cancelled() -> None:
    domain = Domain.objects.create(domain_name="example.com")
    recipient = Recipient.objects.create(domain=domain, webhook_url=URL)
    create_delivery(
        create_message(domain), recipient, create_endpoint(domain), due_at="2030-01-01T00:00Z"
    )
    assert "1 open deliveries cancelled" in _domain("delete", "Example.com", "--yes")


@pytest.mark.parametrize(("answer", "is_gone"), [("y\n", True), ("n\n", False), ("\n", False)])
def test_delete_asks(monkeypatch: pytest.MonkeyPatch, answer: str, is_gone: bool) -> None:
    _domain("create", "example.com")
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    if is_gone:
        _domain("delete", "example.com")
    else:
        with pytest.raises(CommandError, match="Nothing was deleted"):
            _domain("delete", "example.com")
    assert Domain.objects.exists() is not is_gone


def test_delete_without_anybody_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    _domain("create", "example.com")
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    with pytest.raises(CommandError, match="--yes"):
        _domain("delete", "example.com")
    assert Domain.objects.exists()
