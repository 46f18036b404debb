"""The load generator as a process of its own: `python -m benchmarks.flood --port 2525 …`."""

import argparse
import asyncio
import sys
from pathlib import Path

import uvloop

from benchmarks.load import Load, LoadRun, make_run
from benchmarks.mails import LOAD_DOMAIN
from benchmarks.sent import LoadResult


async def _send_with_progress(load: Load) -> LoadResult:
    run = LoadRun(load)
    progress = asyncio.create_task(_print_progress(run))
    result = await run.finish()
    progress.cancel()
    return result


async def _print_progress(run: LoadRun) -> None:
    while True:
        await asyncio.sleep(1)
        print(f"{run.settled_count} mails answered", file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.flood", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--recipients", nargs="+", required=True, help="used in turn")
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--size", type=int, default=4096, help="bytes of a mail")
    parser.add_argument("--count", type=int, help="mails to send")
    parser.add_argument("--seconds", type=float, help="how long to send")
    parser.add_argument("--rate", type=float, help="mails per second; default: at full speed")
    parser.add_argument("--retry-delay", type=float, help="seconds until a 4xx is tried again")
    parser.add_argument("--lost-reply-every", type=int, help="of so many 250 one is not heard")
    parser.add_argument("--timeout", type=float, default=600, help="seconds for everything")
    parser.add_argument("--sender-domain", default=LOAD_DOMAIN, help="* becomes unique in it")
    parser.add_argument("--signing-key", type=Path, help="PEM, to sign with DKIM")
    parser.add_argument("--client-ip", help="begin with a PROXY header that says so")
    parser.add_argument("--run", default=make_run(), help="six characters for the ids")
    parser.add_argument("--out", type=Path, help="file for the result, in JSON")
    arguments = vars(parser.parse_args())
    out = arguments.pop("out")
    if arguments["count"] is None and arguments["seconds"] is None:
        parser.error("one of --count and --seconds is needed")
    result = uvloop.run(_send_with_progress(Load(**arguments)))
    if out:
        result.write(out)
    codes = ", ".join(f"{count} × {code}" for code, count in sorted(result.codes.items()))
    print(f"{codes or 'nothing sent'}; {result.connection_errors} connection errors")


if __name__ == "__main__":
    main()
