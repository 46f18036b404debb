"""`init`: secrets, tables and, by asking, a certificate, a first user and a first address."""

import shlex
from typing import Any

from django.core.management import CommandError, CommandParser, call_command

from accounts.models import Domain, User
from fastsmtp import embedded, self_signed
from fastsmtp.cli import EarlyCommand
from fastsmtp.config import Config, ConfigError, config, secrets_file
from fastsmtp.self_signed import FolderInUse, KeyPair
from fastsmtp.welcome import EXAMPLE_WEBHOOK


class Command(EarlyCommand):
    help = "Sets up an installation. It may be run again: what is there stays."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--no-input",
            action="store_false",
            dest="is_interactive",
            help="ask nothing: secrets and tables only",
        )
        parser.add_argument(
            "--self-signed",
            action="store_true",
            dest="is_self_signed",
            help="also make a certificate that nobody else trusts, to try out TLS",
        )

    def handle(self, *, is_interactive: bool, is_self_signed: bool, **_: Any) -> None:
        current = config()
        if current.is_embedded:
            current = embedded.prepare(current)
            self.stdout.write(f"Secrets are in {secrets_file(current.data_dir)}.")
        if is_self_signed:
            self._make_certificate(current)
        call_command("migrate", interactive=False, verbosity=0)
        self.stdout.write("The database is up to date.")
        if is_interactive:
            if not is_self_signed:
                self._offer_certificate(current)
            self._offer_user()
            self._offer_domain()

    def _offer_certificate(self, current: Config) -> None:
        if current.has_certificate:
            return
        if _ask("Type yes for a self-signed certificate, to try out TLS").lower() in ("y", "yes"):
            try:
                self._make_certificate(current)
            except (CommandError, ConfigError) as error:
                self.stderr.write(str(error))

    def _make_certificate(self, current: Config) -> None:
        if current.has_certificate:
            self.stdout.write(f"The certificate {current.smtp_tls_cert} is set already and stays.")
            return
        pair = _create_pair(current)
        self.stdout.write(f"A self-signed certificate for {current.our_hostname} has been made.")
        if current.is_embedded:
            self.stdout.write("The next start uses it, on both ports.")
        else:
            lines = [f"  {name}={value}" for name, value, _ in _variables(pair)]
            self.stdout.write("\n".join(["To use it, set:", *lines]))

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


def _create_pair(current: Config) -> KeyPair:
    """In an embedded installation it is what the next start uses."""
    folder = current.data_dir / "tls"
    try:
        current.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        pair = self_signed.create(folder, current.our_hostname)
        if current.is_embedded:
            embedded.add(current.data_dir, _variables(pair))
    except FolderInUse:
        raise CommandError(
            f"There is something in {folder}, and it stays. Remove it for a new certificate, or "
            "set FASTSMTP_SMTP_TLS_CERT and FASTSMTP_SMTP_TLS_KEY to what is there."
        ) from None
    except OSError as error:
        raise embedded.unusable(current.data_dir, error) from None
    except ValueError as error:
        raise ConfigError([f"FASTSMTP_SMTP_HOSTNAME: {current.our_hostname}: {error}"]) from None
    return pair


def _variables(pair: KeyPair) -> list[tuple[str, str, str]]:
    """Name, value and comment of each."""
    return [
        ("FASTSMTP_SMTP_TLS_CERT", shlex.quote(str(pair.certificate)), "Self-signed, for trials."),
        ("FASTSMTP_SMTP_TLS_KEY", shlex.quote(str(pair.key)), "Its key."),
    ]


def _ask(question: str) -> str:
    try:
        return input(f"{question} (empty: not now): ").strip()
    except EOFError:
        raise CommandError("Nobody is here to answer: give --no-input.") from None
