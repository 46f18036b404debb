"""docs/webhooks.md is true: its samples are run, its headers and its table are compared."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import fastsmtp
from delivery.bodies.signing import sign
from delivery.lanes.answers import kind_of_status
from delivery.lanes.schedule import Schedule
from delivery.tests.plain_jobs import SECRET
from delivery.tests.real_calls import call
from delivery.tests.test_payload import MAIL
from delivery.tests.webhook_receiver import WebhookReceiver
from fastsmtp.config import Config

MANUAL = (Path(fastsmtp.__file__).parents[1] / "docs" / "webhooks.md").read_text()
OTHER_SECRET = "whsec_" + "AAAA" * 8
NODE = shutil.which("node")

type Check = Callable[[dict[str, str], bytes, str], bool]


def _sample(language: str) -> str:
    [sample] = re.findall(rf"```{language}\n(.*?)```", MANUAL, re.DOTALL)
    return str(sample)


def _check_in_python() -> Check:
    names: dict[str, Any] = {}
    exec(_sample("python"), names)  # noqa: S102 - our own documentation
    check: Check = names["is_from_fastsmtp"]
    return check


def _check_in_node(headers: dict[str, str], body: bytes, secret: str) -> bool:
    assert NODE is not None
    values = json.dumps([headers, body.hex(), secret])
    script = (
        f"{_sample('js')}\nconst [headers, body, secret] = {values};\n"
        'console.log(isFromFastSMTP(headers, Buffer.from(body, "hex"), secret));'
    )
    done = subprocess.run([NODE, "-e", script], capture_output=True, text=True, check=True)
    return {"true\n": True, "false\n": False}[done.stdout]


CHECKS = [
    pytest.param(_check_in_python(), id="python"),
    pytest.param(
        _check_in_node,
        id="node",
        marks=pytest.mark.skipif(NODE is None, reason="node is not installed"),
    ),
]


def _made(headers: dict[str, str], body: bytes, *, seconds_ago: int) -> dict[str, str]:
    """As if the call had been made then."""
    timestamp = int(headers["webhook-timestamp"]) - seconds_ago
    signature = sign(
        secret=SECRET, webhook_id=headers["webhook-id"], timestamp=timestamp, body=body
    )
    return headers | {"webhook-timestamp": str(timestamp), "webhook-signature": signature}


@pytest.mark.parametrize("check", CHECKS)
def test_the_samples_tell_our_calls_from_others(check: Check, receiver: WebhookReceiver) -> None:
    arrived = call(receiver, MAIL)
    headers, body = dict(arrived.headers), arrived.body
    signature = headers["webhook-signature"]
    assert check(headers, body, SECRET)
    assert check(headers | {"webhook-signature": f"v1,AAAA {signature}"}, body, SECRET)

    assert not check(headers, body + b" ", SECRET)
    assert not check(headers, body, OTHER_SECRET)
    assert not check(headers | {"webhook-id": "another"}, body, SECRET)
    assert not check(headers | {"webhook-signature": "v1,AAAA"}, body, SECRET)
    assert check(_made(headers, body, seconds_ago=200), body, SECRET)
    assert not check(_made(headers, body, seconds_ago=301), body, SECRET)
    assert not check(headers | {"webhook-timestamp": "now"}, body, SECRET)
    for missing in ("webhook-signature", "webhook-timestamp"):
        assert not check({name: headers[name] for name in headers.keys() - {missing}}, body, SECRET)


def test_the_example_has_every_header(receiver: WebhookReceiver) -> None:
    lines = _sample("http").partition("\n\n")[0].splitlines()[1:]
    documented = [line.partition(":")[0].lower() for line in lines]
    assert sorted(documented) == sorted(call(receiver, MAIL).headers)


def test_modes_have_their_headers(receiver: WebhookReceiver) -> None:
    usual = call(receiver, MAIL).headers.keys()
    added = {"multipart": {"fastsmtp-payload-signature"}, "thin": set()}
    raw = re.findall(r"^(FastSMTP-[\w-]+):", MANUAL.partition("**`raw`**")[2], re.MULTILINE)
    added["raw"] = {name.lower() for name in raw}
    for mode, names in added.items():
        assert call(receiver, MAIL, mode=mode).headers.keys() - usual == names


def test_answers_of_a_row_mean_the_same() -> None:
    table = MANUAL.partition("| Answer | Then |")[2].partition("\n\n")[0]
    cells = [row.split("|")[1] for row in table.splitlines() if row.startswith("| ")]
    rows = [[int(code) for code in re.findall(r"\b\d{3}\b", cell)] for cell in cells]
    kinds = [{kind_of_status(code) for code in row} for row in rows if row]
    assert [len(found) for found in kinds] == [1] * 6
    # What is like 413 has a row of its own, since only there something else is sent at once.
    assert len(set.union(*kinds)) == 5


def test_the_schedule() -> None:
    schedule = Schedule.from_config(Config.model_construct())  # defaults, whatever is set here
    assert [wait.total_seconds() for wait in schedule.fast] == [1, 2, 4, 8, 16]
    minutes = [wait.total_seconds() / 60 for wait in schedule.slow]
    assert minutes == [5, 30, *(60 * hours for hours in (2, 5, 10, 14, 20, 24))]
    text = " ".join(MANUAL.split())
    assert "after 1, 2, 4, 8 and 16 seconds" in text
    assert "after 5 minutes, 30 minutes, 2, 5, 10, 14, 20 and 24 hours" in text
