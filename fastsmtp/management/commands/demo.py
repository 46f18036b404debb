"""`demo`: the whole way once, with real mail, before your eyes; leaves nothing behind."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.core.management import BaseCommand, CommandError

import fastsmtp
from fastsmtp.demo import Installation, Receiver, StartFailed, play
from fastsmtp.smtp_client import Refused

SAMPLES = Path(fastsmtp.__file__).parent / "samples"


class Command(BaseCommand):
    help = "Starts FastSMTP for a moment, sends sample mails and shows what a webhook gets."
    requires_system_checks: tuple[str, ...] = ()

    def handle(self, **_: Any) -> None:
        self._say("Starting FastSMTP …")
        try:
            self._demonstrate()
        except StartFailed as error:
            raise CommandError(f"FastSMTP did not start.\n{error}") from None

    def _demonstrate(self) -> None:
        with (
            TemporaryDirectory(prefix="fastsmtp-demo-") as folder,
            Receiver() as receiver,
            Installation(Path(folder)) as installation,
        ):
            try:
                play(sorted(SAMPLES.glob("*.eml")), installation, receiver, say=self._say)
            except (Refused, TimeoutError) as error:
                raise CommandError(f"{error}\n{installation.log_text()}") from None

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()
