"""`./dev soak`: mail at a steady rate to endpoints of every temper, while a fault comes every few
seconds; then counts whether every mail is where it belongs.

Servers, folders and databases are its own and temporary; TMPDIR chooses the disk. What goes wrong,
and when, follows from the seed, which is printed.
"""

import argparse
import math
import random
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from benchmarks.progress import ProgressLine
from faults.soak import Soak, soaked_site
from faults.verdict import Verdict
from harness.processes import ProcessFailed
from harness.servers import ServerNotFound
from harness.stack import CommandFailed


def main() -> None:
    arguments = _parse()
    # As Ctrl-C does it: end every process, remove every folder.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    databases = {"all": ["sqlite", "postgresql"]}.get(arguments.database, [arguments.database])
    try:
        verdicts = [_soak(database, arguments) for database in databases]
    except (ProcessFailed, CommandFailed, ServerNotFound) as error:
        sys.exit(f"\nThe soak stopped: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(any(verdict.wrong for verdict in verdicts))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev soak", description=__doc__)
    parser.add_argument("--minutes", type=_positive, default=4.0, help="of load; default: 4")
    parser.add_argument("--seed", type=int, default=random.randrange(10_000), help="default: any")
    parser.add_argument(
        "--database",
        choices=["sqlite", "postgresql", "all"],
        default="sqlite",
        help="default: sqlite",
    )
    parser.add_argument(
        "--rate", type=_positive, default=40.0, help="mails per second; default: 40"
    )
    parser.add_argument("--keep", action="store_true", help="leave logs and database for a look")
    return parser.parse_args()


def _positive(text: str) -> float:
    """The type of an option."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return value


def _soak(database: str, arguments: argparse.Namespace) -> Verdict:
    folder = Path(tempfile.mkdtemp(prefix="fastsmtp-soak-"))
    progress = ProgressLine(f"{database}, seed {arguments.seed}")
    progress.show("starting")
    try:
        with soaked_site(database=database, folder=folder, is_kept=arguments.keep) as site:
            soak = Soak(
                site,
                seed=arguments.seed,
                seconds=arguments.minutes * 60,
                rate=arguments.rate,
                progress=progress,
            )
            print(*soak.planned, sep="\n", flush=True)
            verdict = soak.run()
            print(f"\n{verdict.render()}\n", flush=True)
            if verdict.wrong:
                print(*soak.explain(verdict), "", sep="\n", flush=True)
            if arguments.keep:
                kept = site.cluster.folder if site.cluster else folder
                print(f"logs: {folder}, database: {kept}", flush=True)
    finally:
        if not arguments.keep:
            shutil.rmtree(folder)
    return verdict


if __name__ == "__main__":
    main()
