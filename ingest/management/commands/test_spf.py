import asyncio
from typing import Any

from django.core.management import BaseCommand, CommandError
from django.core.management.base import CommandParser

from fastsmtp.config import config
from fastsmtp.dns import with_answers
from fastsmtp.mail import spf
from fastsmtp.mail.authres import describe_spf, write_results
from ingest.management.verifying import ToldResolver


class Command(BaseCommand):
    help = "Tells what SPF (RFC 7208) says of a client and a sender, with every lookup."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("ip", metavar="IP", help="address of the client")
        parser.add_argument("mail_from", metavar="MAIL_FROM", help='"" for the null sender')
        parser.add_argument("helo", metavar="HELO", nargs="?", default="", help="name in EHLO")

    def handle(self, *, ip: str, mail_from: str, helo: str, **_: Any) -> None:
        found = asyncio.run(self._check(ip, mail_from, helo))
        self.stdout.write(f"{found.result}: {found.reason}")
        result = describe_spf(found.result, mail_from=mail_from, helo=helo, reason=found.reason)
        self.stdout.write(write_results(config().our_hostname, [result]).decode().rstrip())

    async def _check(self, ip: str, mail_from: str, helo: str) -> spf.SPFResult:
        try:
            return await with_answers(
                ToldResolver(self.stdout.write),
                lambda lookup: spf.check(ip=ip, mail_from=mail_from, helo=helo, lookup=lookup),
                timeout=config().smtp_auth_timeout.total_seconds(),
            )
        except TimeoutError:
            raise CommandError("temperror: no answer within FASTSMTP_SMTP_AUTH_TIMEOUT") from None
