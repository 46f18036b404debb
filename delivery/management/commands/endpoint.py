"""Endpoints, by hand: `endpoint enable https://…`, `endpoint rotate-secret https://…`."""

from argparse import SUPPRESS, ArgumentParser, ArgumentTypeError
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management import CommandError

from delivery.bodies.signing import key_as_text
from delivery.by_hand.rotation import DEFAULT_GRACE, rotate_secret
from delivery.by_hand.trial import try_endpoint
from delivery.lanes import switch
from delivery.management.find import find_domain, find_endpoint
from delivery.models import Endpoint
from delivery.models.endpoint import LOST_SECRET
from fastsmtp.cli import THE_COMMAND, ActionsCommand
from fastsmtp.config import parse_duration
from fastsmtp.orm import UNREADABLE

_CHANGEABLE = ("mode", "max_body_bytes", "timeout_seconds", "concurrency")


class Command(ActionsCommand):
    help = "Show endpoints, one for each webhook URL of a domain, and manage them."

    def add_actions(self) -> None:
        list_endpoints = self.list_action(self.list_all, "list the endpoints")
        list_endpoints.add_argument("domain", metavar="DOMAIN", nargs="?")
        show = self.action("show", self.show, "show one endpoint")
        _add_endpoint_argument(show)
        show.add_argument("--secret", action="store_true", help="show its signing secret, too")
        enable = self.action("enable", self.enable, "try it now, and deliver what is held")
        _add_endpoint_argument(enable)
        disable = self.action("disable", self.disable, "send nothing there; its mail is held")
        _add_endpoint_argument(disable)
        disable.add_argument("--reason", default="", metavar="TEXT")
        trial = self.action("test", self.try_out, "make a test call, which no delivery notices")
        _add_endpoint_argument(trial)
        change = self.action("set", self.change, "change how it is called")
        _add_endpoint_argument(change)
        _add_changes(change)
        rotate = self.action("rotate-secret", self.rotate_secret, "make a new signing secret")
        _add_endpoint_argument(rotate)
        rotate.add_argument(
            "--grace",
            type=_duration,
            default=DEFAULT_GRACE,
            metavar="TIME",
            help="how long the old secret signs, too: 30m, 24h (the default), 7d; 0: not at all",
        )

    def list_all(self, *, domain: str | None, as_json: bool, **_: object) -> None:
        endpoints = Endpoint.objects.select_related("domain", "lane").order_by(
            "domain__domain_name", "url"
        )
        if domain is not None:
            endpoints = endpoints.filter(domain=find_domain(domain))
        rows = [
            {
                "id": endpoint.id,
                "domain": endpoint.domain,
                "url": endpoint.url,
                "mode": endpoint.mode,
                "status": endpoint.lane.state,
            }
            for endpoint in endpoints
        ]
        self.print_rows(rows, as_json=as_json, otherwise="There are no endpoints.")

    def show(self, *, endpoint: str, secret: bool, **_: object) -> None:
        found = find_endpoint(endpoint)
        expires_at = found.previous_secret_expires_at
        rows = {
            "id": found.id,
            "domain": found.domain,
            "url": found.url,
            "mode": found.mode,
            "max_body_bytes": found.max_body_bytes,
            "timeout_seconds": found.timeout_seconds,
            "concurrency": found.concurrency,
            "status": found.lane.state,
            "disabled_reason": found.lane.disabled_reason,
            "consecutive_failures": found.lane.consecutive_failures,
            "paused_until": found.lane.paused_until,
            "last_success_at": found.lane.last_success_at,
            "last_failure_at": found.lane.last_failure_at,
            "previous_secret_until": expires_at and expires_at.isoformat(" ", "seconds"),
        }
        self.print_rows([{"name": name, "value": value} for name, value in rows.items()])
        if secret:
            self._show_secret(found)

    def enable(self, *, endpoint: str, **_: object) -> None:
        found = find_endpoint(endpoint)
        self.say(f"{found.url} is {switch.enable(found.id, by=THE_COMMAND).state}.")

    def disable(self, *, endpoint: str, reason: str, **_: object) -> None:
        found = find_endpoint(endpoint)
        self.say(f"{found.url} is {switch.disable(found.id, by=THE_COMMAND, reason=reason).state}.")

    def try_out(self, *, endpoint: str, **_: object) -> None:
        found = find_endpoint(endpoint)
        trial = try_endpoint(found)
        if not trial.success:
            raise CommandError(f"{found.url}: {trial.error}.")
        self.say(f"{found.url} answered {trial.status_code} in {trial.response_time_ms} ms.")

    def change(self, *, endpoint: str, **given: Any) -> None:
        found = find_endpoint(endpoint)
        changes = {name: given[name] for name in _CHANGEABLE if name in given}
        if not changes:
            raise CommandError("Name what to change: --mode, --max-body, --timeout, --concurrency.")
        for name, value in changes.items():
            setattr(found, name, value)
        try:
            found.full_clean()
        except ValidationError as error:
            raise CommandError(_name_fields(error)) from None
        found.save(update_fields=[*changes, "updated_at"])  # its secret may be rotated meanwhile
        told = ", ".join(
            f"{name} {'none' if value is None else value}" for name, value in changes.items()
        )
        self.say(f"{found.url} has {told}.")

    def rotate_secret(self, *, endpoint: str, grace: timedelta, **_: object) -> None:
        try:
            rotated = rotate_secret(find_endpoint(endpoint), grace=grace, by=THE_COMMAND)
        except ValueError as error:
            raise CommandError(f"{error}.".capitalize()) from None
        expires_at = rotated.previous_secret_expires_at
        self.say(f"{rotated.url} has a new secret:")
        self._show_secret(rotated)
        if expires_at:
            self.say(f"The old one signs beside it until {expires_at.isoformat(' ', 'seconds')}.")
        else:
            self.say("The old one signs no more.")

    def _show_secret(self, endpoint: Endpoint) -> None:
        if endpoint.secret is UNREADABLE:
            raise CommandError(LOST_SECRET)
        self.say(f"secret       {endpoint.secret}")
        self.say(f"key as text  {key_as_text(endpoint.secret)}")


def _add_endpoint_argument(parser: ArgumentParser) -> None:
    parser.add_argument("endpoint", metavar="ENDPOINT", help="its URL or its id")


def _add_changes(parser: ArgumentParser) -> None:
    """What is not given is not there at all: `none` is a value."""

    def add(option: str, **details: Any) -> None:
        parser.add_argument(option, default=SUPPRESS, **details)

    add("--mode", metavar="MODE", help=", ".join(Endpoint.Mode.values))
    add(
        "--max-body",
        type=_limit,
        dest="max_body_bytes",
        metavar="BYTES",
        help="of one call; none: no limit",
    )
    add(
        "--timeout",
        type=_limit,
        dest="timeout_seconds",
        metavar="SECONDS",
        help="for a whole call; none: the server's default",
    )
    add("--concurrency", type=int, metavar="N", help="calls at once, of each worker process")


def _limit(text: str) -> int | None:
    """The type of an option."""
    if text == "none":
        return None
    if not text.isdecimal():
        raise ArgumentTypeError(f"{text} is neither a number nor none")
    return int(text)


def _name_fields(error: ValidationError) -> str:
    return " ".join(f"{name}: {' '.join(said)}" for name, said in error.message_dict.items())


def _duration(text: str) -> timedelta:
    """The type of an option."""
    try:
        duration: timedelta = parse_duration(text)
    except (ValueError, OverflowError) as error:
        raise ArgumentTypeError(str(error)) from None
    return duration
