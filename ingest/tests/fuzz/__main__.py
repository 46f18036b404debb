"""`./dev fuzz`: made-up SMTP dialogues, other ones for each seed, against a server of its own.

What fails is made as small as it can be and written down; the file can be kept as a test in
ingest/tests/fuzz/kept, with a first line (#) that tells why.
"""

import argparse
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

os.environ.setdefault("FASTSMTP_LOG_LEVEL", "warning")

import conftest  # noqa: E402 - first of ours: it makes the environment of the tests

# isort: split
from django.core.management import call_command
from hypothesis import HealthCheck, given, seed, settings

from accounts.models import Domain
from benchmarks.progress import ProgressLine
from delivery.models import Recipient
from fastsmtp.broker import LocalBroker
from fastsmtp.config import config
from ingest.tests.certificates import KeyPair
from ingest.tests.fuzz.dialogues import conversations
from ingest.tests.fuzz.playing import Site
from ingest.tests.fuzz.reference import due_replies
from ingest.tests.fuzz.script import Script, write

BATCH = 200  # conversations of one seed
FINDING = Path("fuzz-finding.txt")


class Fuzzer:
    def __init__(self, site: Site, progress: ProgressLine) -> None:
        self._site = site
        self._progress = progress
        self._count = 0
        self._last = ""

    def run(self, first_seed: int, *, seconds: float) -> None:
        """Raises whatever the server does wrong; `FINDING` holds the dialogue then."""
        ends_at, number = time.monotonic() + seconds, first_seed
        while time.monotonic() < ends_at:
            self._run_batch(number)
            number += 1
        self._progress.finish(f"{self._count} conversations, seeds {first_seed} to {number - 1}")

    def _run_batch(self, number: int) -> None:
        @seed(number)
        @settings(
            max_examples=BATCH,
            database=None,
            deadline=None,
            print_blob=False,
            suppress_health_check=list(HealthCheck),
        )
        @given(conversations)
        def check(conversation: list[Script]) -> None:
            self._last = "".join(write(script, due_replies(script)) for script in conversation)
            self._site.check(conversation)
            self._count += 1
            self._progress.show(f"seed {number}, {self._count} conversations")

        try:
            check()
        except Exception:
            FINDING.write_text(self._last)
            self._progress.finish(f"seed {number} found something, see {FINDING}:\n\n{self._last}")
            raise


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="./dev fuzz", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=5.0, help="how long (5)")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000, help="the first")
    arguments = parser.parse_args()
    call_command("migrate", verbosity=0)
    domain = Domain.objects.create(domain_name="example.com")
    Recipient.objects.create(domain=domain, local_part="info", webhook_url="http://127.0.0.1:9/")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stack.callback(conftest.remove_run_dir)
        stack.enter_context(LocalBroker(socket=config().broker_socket, folder=conftest.DATA_DIR))
        site = stack.enter_context(Site(KeyPair.generate(folder)))
        try:
            Fuzzer(site, ProgressLine("fuzz")).run(arguments.seed, seconds=arguments.minutes * 60)
        except KeyboardInterrupt:
            sys.exit(130)


if __name__ == "__main__":
    main()
