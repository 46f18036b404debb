"""Domains, by hand: `domain create example.com`."""

from django.core.management import CommandError
from django.db.models import Count

from accounts.models import Domain
from delivery.by_hand.deletion import delete_domain
from delivery.management.find import find_domain
from fastsmtp.cli import ActionsCommand


class Command(ActionsCommand):
    help = "Create, list and delete domains."

    def add_actions(self) -> None:
        create = self.action("create", self.create, "accept mail for a domain")
        create.add_argument("name", metavar="NAME")
        self.list_action(self.list_all, "list all domains")
        delete = self.action("delete", self.delete, "delete a domain and its configuration")
        delete.add_argument("name", metavar="NAME")
        delete.add_argument("--yes", action="store_true", help="do not ask")

    def create(self, *, name: str, **_: object) -> None:
        domain = Domain(domain_name=name)
        domain.full_clean()
        domain.save()
        self.say(f"Domain {domain} created.")

    def list_all(self, *, as_json: bool, **_: object) -> None:
        rows = [
            {
                "domain": domain.domain_name,
                "enabled": domain.is_enabled,
                "recipients": domain.recipient_count,
                "created": domain.created_at.isoformat(" ", "seconds"),
            }
            for domain in Domain.objects.annotate(recipient_count=Count("recipients"))
        ]
        self.print_rows(rows, as_json=as_json, otherwise="There are no domains.")

    def delete(self, *, name: str, yes: bool, **_: object) -> None:
        domain = find_domain(name)
        if not yes:
            self._confirm(domain)
        cancelled = delete_domain(domain)
        self.say(f"Domain {name} deleted; {cancelled} open deliveries cancelled.")

    def _confirm(self, domain: Domain) -> None:
        try:
            answer = input(f"Delete {domain}, its recipients and rules? [y/N] ")
        except EOFError:
            raise CommandError("Nobody is here to ask: give --yes.") from None
        if answer.strip().lower() not in ("y", "yes"):
            raise CommandError("Nothing was deleted.")
