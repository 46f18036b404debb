import asyncio
import re
from pathlib import Path
from typing import Any

from django.core.management import BaseCommand, CommandError
from django.core.management.base import CommandParser

from fastsmtp.config import config
from fastsmtp.mail import dkim
from fastsmtp.mail.authres import describe_dkim, write_results
from ingest.dkim_keys import fetch_keys
from ingest.management.verifying import ToldResolver


class Command(BaseCommand):
    help = "Verifies the DKIM signatures (RFC 6376) of a message, with every lookup."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", type=Path, help="the message, .eml")

    def handle(self, *, file: Path, **_: Any) -> None:
        try:
            raw = file.read_bytes()
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}") from None
        # Signatures are about CRLF; files often have LF.
        raw = re.sub(rb"\r?\n", b"\r\n", raw)
        signatures = asyncio.run(self._verify(raw))
        for number, signature in enumerate(signatures, 1):
            parts = [signature.domain, _describe_key(signature), signature.reason]
            told = ", ".join([signature.result, *filter(None, parts)])
            self.stdout.write(f"signature {number}: {told}")
        if not signatures:
            self.stdout.write("no signature")
        results = [describe_dkim(signature) for signature in signatures]
        self.stdout.write(write_results(config().our_hostname, results).decode().rstrip())

    async def _verify(self, raw: bytes) -> list[dkim.Signature]:
        verification = dkim.Verification(raw)
        timeout = config().smtp_auth_timeout.total_seconds()
        try:
            look_up = await fetch_keys(
                ToldResolver(self.stdout.write), verification, timeout=timeout
            )
        except TimeoutError:
            raise CommandError("temperror: no answer within FASTSMTP_SMTP_AUTH_TIMEOUT") from None
        return verification.verify(look_up)


def _describe_key(signature: dkim.Signature) -> str:
    return f"{signature.algorithm}, {signature.key_bits} bits" if signature.key_bits else ""
