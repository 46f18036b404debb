"""Replays, by hand: `replay start example.com --status exhausted --since 2026-01-06`."""

from argparse import ArgumentTypeError
from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from django.core.management import CommandError
from django.utils import timezone

from delivery.management.find import find_domain, find_endpoint, find_recipient
from delivery.models import Replay
from delivery.replay import replays
from delivery.replay.selection import SELECTABLE, UNDELIVERED, Selection
from fastsmtp.cli import THE_COMMAND, ActionsCommand
from fastsmtp.welcome import command_name


class Command(ActionsCommand):
    help = "Make many deliveries again, in the background and behind fresh mail."

    def add_actions(self) -> None:
        start = self.action("start", self.start, "replay what did not arrive, or what you choose")
        start.add_argument("domain", metavar="DOMAIN")
        start.add_argument(
            "--status",
            action="append",
            choices=SELECTABLE,
            dest="statuses",
            help=f"may be repeated; default: {' and '.join(UNDELIVERED)}",
        )
        start.add_argument("--since", type=_moment, metavar="TIME", help="ISO 8601")
        start.add_argument("--until", type=_moment, metavar="TIME", help="ISO 8601")
        start.add_argument("--recipient", metavar="LOCAL_PART")
        start.add_argument("--endpoint", metavar="ENDPOINT", help="its URL or its id")
        start.add_argument(
            "--rules", action="store_true", help="evaluate the rules again, for all recipients"
        )
        start.add_argument("--dry-run", action="store_true", help="only count")
        self.list_action(self.list_all, "list the last replays")
        show = self.action("show", self.show, "show how far one is")
        show.add_argument("replay", metavar="ID")
        cancel = self.action("cancel", self.cancel, "queue nothing more")
        cancel.add_argument("replay", metavar="ID")

    def start(
        self,
        *,
        domain: str,
        statuses: list[str] | None,
        since: datetime | None,
        until: datetime | None,
        recipient: str | None,
        endpoint: str | None,
        rules: bool,
        dry_run: bool,
        **_: object,
    ) -> None:
        found = find_domain(domain)
        selection = Selection(
            statuses=tuple(statuses or UNDELIVERED),
            since=since,
            until=until,
            recipient_id=None if recipient is None else find_recipient(found, recipient).id,
            endpoint_id=None if endpoint is None else find_endpoint(endpoint, of=found).id,
        )
        try:
            replays.check(found.id, selection, reevaluate_rules=rules)
        except replays.InvalidSelection as error:
            raise CommandError(f"{error}.".capitalize()) from None
        matches = replays.count(found.id, selection, reevaluate_rules=rules)
        self.say(matches.sentence(reevaluate_rules=rules))
        if dry_run:
            return
        replay = replays.start(
            found.id, selection, reevaluate_rules=rules, requested_by=THE_COMMAND
        )
        show = f"{command_name()} replay show {replay.id}"
        self.say(f"Replay {replay.id} started; `{show}` tells how far it is.")

    def list_all(self, *, as_json: bool, **_: object) -> None:
        rows = [
            {
                "id": replay.id,
                "domain": replay.domain,
                "state": replay.state,
                "matched": replay.matched_in_all,
                "queued": replay.queued,
                "not_replayable": replay.not_replayable,
                "created": replay.created_at.isoformat(" ", "seconds"),
            }
            for replay in Replay.objects.select_related("domain").order_by("-id")[:50]
        ]
        self.print_rows(rows, as_json=as_json, otherwise="There are no replays.")

    def show(self, *, replay: str, **_: object) -> None:
        found = _find(replay)
        rows = {
            "domain": found.domain,
            "requested_by": found.requested_by,
            "state": found.state,
            "reason": found.reason,
            "matched": found.matched_in_all,
            "queued": found.queued,
            "not_replayable": found.not_replayable,
            **asdict(replays.progress(found)),
        }
        named = [{"name": name, "value": value} for name, value in rows.items()]
        self.print_rows(named, as_json=False)

    def cancel(self, *, replay: str, **_: object) -> None:
        if not replays.cancel(_find(replay).id, by=THE_COMMAND):
            raise CommandError("It has ended already.")
        self.say("Cancelled; what is queued already goes its way.")


def _find(text: str) -> Replay:
    try:
        return Replay.objects.select_related("domain").get(pk=UUID(text))
    except (ValueError, Replay.DoesNotExist):
        raise CommandError(f"There is no replay {text}.") from None


def _moment(text: str) -> datetime:
    """The type of an option; without a time zone it is in UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text} is not a time in ISO 8601") from None
    return moment if moment.tzinfo else timezone.make_aware(moment)
