"""Users, by hand: `user create NAME --superuser`."""

import sys
from getpass import getpass
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.management import CommandError

from accounts.models import User
from fastsmtp.cli import ActionsCommand


class Command(ActionsCommand):
    help = "Create, list and delete users, and set their passwords."

    def add_actions(self) -> None:
        create = self.action("create", self.create, "create a user")
        create.add_argument("username", metavar="NAME")
        create.add_argument("--email")
        create.add_argument("--superuser", action="store_true", help="may sign in to /admin/")
        _add_password_argument(create)
        set_password = self.action("set-password", self.set_password, "set a user's password")
        set_password.add_argument("username", metavar="NAME")
        _add_password_argument(set_password)
        self.list_action(self.list_all, "list all users")
        delete = self.action("delete", self.delete, "delete a user")
        delete.add_argument("username", metavar="NAME")

    def create(
        self,
        *,
        username: str,
        email: str | None,
        superuser: bool,
        password_stdin: bool,
        **_: object,
    ) -> None:
        user = User(username=username, email=email, is_superuser=superuser)
        user.set_unusable_password()
        user.full_clean()
        if superuser or password_stdin:
            user.set_password(_read_password(user, from_stdin=password_stdin))
        user.save()
        self.say(f"{'Superuser' if superuser else 'User'} {user.username} created.")

    def set_password(self, *, username: str, password_stdin: bool, **_: object) -> None:
        user = _find(username)
        user.set_password(_read_password(user, from_stdin=password_stdin))
        user.save(update_fields=["password", "updated_at"])
        self.say(f"Password of {username} set.")

    def list_all(self, *, as_json: bool, **_: object) -> None:
        rows = [
            {
                "username": user.username,
                "email": user.email,
                "superuser": user.is_superuser,
                "active": user.is_active,
                "last_login": user.last_login and user.last_login.isoformat(" ", "seconds"),
            }
            for user in User.objects.all()
        ]
        self.print_rows(rows, as_json=as_json, otherwise="There are no users.")

    def delete(self, *, username: str, **_: object) -> None:
        _find(username).delete()
        self.say(f"User {username} deleted.")


def _add_password_argument(parser: Any) -> None:
    parser.add_argument(
        "--password-stdin", action="store_true", help="read the password from standard input"
    )


def _find(username: str) -> User:
    try:
        return User.objects.get(username=username)
    except User.DoesNotExist:
        raise CommandError(f"There is no user {username}.") from None


def _read_password(user: User, *, from_stdin: bool) -> str:
    """Raises ValidationError for a weak one."""
    if from_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    elif sys.stdin.isatty():
        password = _prompt()
    else:
        raise CommandError("Standard input is not a terminal: give --password-stdin.")
    validate_password(password, user)
    return password


def _prompt() -> str:
    password = getpass("Password: ")
    if getpass("Again: ") != password:
        raise CommandError("The two passwords differ.")
    return password
