"""`init`: secrets, tables and, by asking, a first user and a first address."""

from typing import Any

from django.core.management import BaseCommand, CommandError, CommandParser, call_command

from accounts.models import Domain, User
from fastsmtp import embedded
from fastsmtp.config import config, secrets_file
from fastsmtp.welcome import EXAMPLE_WEBHOOK


class Command(BaseCommand):
    help = "Sets up an installation. It may be run again: what is there stays."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--no-input",
            action="store_false",
            dest="is_interactive",
            help="ask nothing: secrets and tables only",
        )

    def handle(self, *, is_interactive: bool, **_: Any) -> None:
        current = config()
        if current.is_embedded:
            current = embedded.prepare(current)
            self.stdout.write(f"Secrets are in {secrets_file(current.data_dir)}.")
        call_command("migrate", interactive=False, verbosity=0)
        self.stdout.write("The database is up to date.")
        if is_interactive:
            self._offer_user()
            self._offer_domain()

    def _offer_user(self) -> None:
        if User.objects.filter(is_superuser=True).exists():
            return
        if name := _ask("Name of the first superuser, who may sign in to /admin/"):
            self._try("user", "create", name, "--superuser")

    def _offer_domain(self) -> None:
        if Domain.objects.exists():
            return
        domain = _ask("First domain to accept mail for, such as example.com")
        if not domain or not self._try("domain", "create", domain):
            return
        local_part = _ask(f"First recipient: what stands before @{domain}")
        if local_part:
            url = _ask(f"Webhook that gets its mail, such as {EXAMPLE_WEBHOOK}")
            self._try("recipient", "create", domain, local_part, url)

    def _try(self, *command: str) -> bool:
        """A refusal is told and does not end what else there is to ask."""
        try:
            call_command(*command)
        except CommandError as error:
            self.stderr.write(str(error))
            return False
        return True


def _ask(question: str) -> str:
    try:
        return input(f"{question} (empty: not now): ").strip()
    except EOFError:
        raise CommandError("Nobody is here to answer: give --no-input.") from None
