"""`user`: people are made, listed and deleted by hand."""

import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.models import User

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse 9"


def _user(*arguments: str) -> str:
    output = io.StringIO()
    call_command("user", *arguments, stdout=output)
    return output.getvalue()


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Any:
    def fill(text: str) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO(text))

    return fill


def test_a_superuser_can_sign_in_to_the_admin(stdin: Any) -> None:
    stdin(PASSWORD + "\n")
    _user("create", "alice", "--superuser", "--email", "a@example.com", "--password-stdin")
    client = Client()
    client.post("/admin/login/", {"username": "alice", "password": PASSWORD})
    assert client.get("/admin/").status_code == 200


def test_a_user_without_a_password_cannot_sign_in() -> None:
    _user("create", "bob")
    assert not User.objects.get().has_usable_password()
    assert not User.objects.get().is_superuser


def test_set_password(stdin: Any) -> None:
    _user("create", "bob")
    stdin(PASSWORD)
    _user("set-password", "bob", "--password-stdin")
    assert User.objects.get().check_password(PASSWORD)


@pytest.mark.parametrize("password", ["", "short", "password", "12345678901"])
def test_a_weak_password_is_refused(stdin: Any, password: str) -> None:
    stdin(password + "\n")
    with pytest.raises(CommandError, match="password"):
        _user("create", "alice", "--superuser", "--password-stdin")
    assert not User.objects.exists()


def test_without_a_terminal_a_superuser_needs_the_flag(stdin: Any) -> None:
    stdin(PASSWORD + "\n")
    with pytest.raises(CommandError, match="--password-stdin"):
        _user("create", "alice", "--superuser")
    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["create", "bob"], "already exists"),
        (["create", "a b"], "valid username"),
        (["create", "carol", "--email", "nowhere"], "valid email"),
        (["set-password", "carol", "--password-stdin"], "no user carol"),
        (["delete", "carol"], "no user carol"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(arguments: list[str], words: str) -> None:
    _user("create", "bob")
    with pytest.raises(CommandError, match=words):
        _user(*arguments)
    assert [user.username for user in User.objects.all()] == ["bob"]


def test_list() -> None:
    for name in ("alice", "bob"):
        _user("create", name)
    heading, *rows = _user("list").splitlines()
    assert heading.split() == ["username", "email", "superuser", "active", "last_login"]
    assert [row.split()[:3] for row in rows] == [["alice", "-", "no"], ["bob", "-", "no"]]
    assert heading.index("superuser") == rows[0].index("no")
    assert [row["username"] for row in json.loads(_user("list", "--json"))] == ["alice", "bob"]


def test_delete() -> None:
    _user("create", "bob")
    _user("delete", "bob")
    assert not User.objects.exists()


def test_djangos_own_command_makes_a_superuser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "a long enough passphrase")
    call_command("createsuperuser", "--no-input", "--username=ada")
    user = User.objects.get()
    assert (user.username, user.is_superuser) == ("ada", True)
    assert user.check_password("a long enough passphrase")
