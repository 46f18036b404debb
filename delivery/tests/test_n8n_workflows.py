"""The workflows of docs/n8n, as far as they can be tried without n8n: they are whole, and what they
sign is what we sign."""

import hmac
import json
import re
import shutil
import subprocess
from base64 import b64encode
from pathlib import Path
from typing import Any

import orjson
import pytest

import fastsmtp
from delivery.tests.forms import read_form
from delivery.tests.plain_jobs import KEY
from delivery.tests.real_calls import call
from delivery.tests.test_payload import MAIL
from delivery.tests.webhook_receiver import Call, WebhookReceiver

FOLDER = Path(fastsmtp.__file__).parents[1] / "docs" / "n8n"
WORKFLOWS: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))
}
NODE = shutil.which("node")
UMLAUTS = MAIL.replace(b"Subject: Invoice", b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe_=24=26?= Invoice")

whole = pytest.mark.parametrize("mode", WORKFLOWS)


def test_both_are_here() -> None:
    assert WORKFLOWS.keys() == {"json", "multipart"}


@whole
def test_connections_name_nodes_and_reach_all(mode: str) -> None:
    nodes = _nodes(mode)
    assert len({node["id"] for node in nodes.values()}) == len(nodes)
    connections = WORKFLOWS[mode]["connections"]
    targets = {
        target["node"]
        for outputs in connections.values()
        for output in outputs["main"]
        for target in output
    }
    assert connections.keys() | targets == nodes.keys()
    assert nodes.keys() - targets == {"A mail arrives"}


@whole
def test_what_is_signed_is_what_we_sign(mode: str, receiver: WebhookReceiver) -> None:
    arrived = _as_n8n_has_it(mode, call(receiver, UMLAUTS, mode=mode))
    crypto = _nodes(mode)["Compute the signature"]["parameters"]
    assert (crypto["action"], crypto["type"], crypto["encoding"]) == ("hmac", "SHA256", "base64")
    text = _fill(crypto["value"], arrived)
    signature = b64encode(hmac.digest(KEY, text.encode(), "sha256")).decode()

    assert arrived["headers"][_signature_header(mode)] == f"v1,{signature}"
    assert _signature_header(mode) in _conditions(mode)[0]["leftValue"]


@pytest.mark.skipif(NODE is None, reason="node is not installed")
@whole
def test_only_our_fresh_calls_pass(mode: str, receiver: WebhookReceiver) -> None:
    item = _as_n8n_has_it(mode, call(receiver, UMLAUTS, mode=mode))
    header = _signature_header(mode)
    item["signature"] = item["headers"][header].removeprefix("v1,")
    assert _conditions_hold(mode, item) == [True, True]

    headers = item["headers"]
    rotated = {header: f"v1,AAAA {headers[header]}"}
    assert _conditions_hold(mode, {**item, "headers": headers | rotated}) == [True, True]
    assert _conditions_hold(mode, {**item, "signature": "AAAA"}) == [False, True]
    old = {"webhook-timestamp": str(int(headers["webhook-timestamp"]) - 301)}
    assert _conditions_hold(mode, {**item, "headers": headers | old}) == [True, False]
    assert _conditions_hold(mode, {**item, "headers": {}}) == [False, False]


@whole
def test_what_is_unpacked_is_what_was_signed(mode: str, receiver: WebhookReceiver) -> None:
    arrived = _as_n8n_has_it(mode, call(receiver, UMLAUTS, mode=mode))
    code = _nodes(mode)["Unpack the mail"]["parameters"]["jsCode"]
    [path] = re.findall(r"JSON\.parse\((.*?)\)", code)
    assert path in _nodes(mode)["Compute the signature"]["parameters"]["value"]
    assert orjson.loads(_look_up(path, arrived))["subject"] == "Grüße $& Invoice for January"


def _conditions_hold(mode: str, item: dict[str, Any]) -> list[bool]:
    """The conditions of the If node, with its expressions as JavaScript."""
    assert NODE is not None
    held = []
    for condition in _conditions(mode):
        left, right = (_expression(condition[side]) for side in ("leftValue", "rightValue"))
        operator = condition["operator"]
        compared = {
            ("string", "contains"): f"({left}).includes({right})",
            ("number", "lt"): f"({left}) < ({right})",
        }[operator["type"], operator["operation"]]
        script = f"const $json = {json.dumps(item)};\nconsole.log({compared});"
        done = subprocess.run([NODE, "-e", script], capture_output=True, text=True, check=True)
        held.append({"true\n": True, "false\n": False}[done.stdout])
    return held


def _expression(value: object) -> str:
    if isinstance(value, int):
        return str(value)
    match = re.fullmatch(r"={{ (.*) }}", str(value))
    assert match is not None
    return match[1]


def _conditions(mode: str) -> list[dict[str, Any]]:
    parameters = _nodes(mode)["Is it from FastSMTP?"]["parameters"]
    conditions: list[dict[str, Any]] = parameters["conditions"]["conditions"]
    return conditions


def _signature_header(mode: str) -> str:
    return "fastsmtp-payload-signature" if mode == "multipart" else "webhook-signature"


def _nodes(mode: str) -> dict[str, dict[str, Any]]:
    return {node["name"]: node for node in WORKFLOWS[mode]["nodes"]}


def _as_n8n_has_it(mode: str, arrived: Call) -> dict[str, Any]:
    """The item after the webhook node and, for JSON, after the one that reads its raw body."""
    if mode == "multipart":
        texts, _ = read_form(arrived.headers["content-type"], arrived.body)
        return {"headers": arrived.headers, "body": texts}
    return {"headers": arrived.headers, "raw": arrived.body.decode()}


def _fill(expression: str, item: dict[str, Any]) -> str:
    assert expression.startswith("=")
    return re.sub(r"{{ (.*?) }}", lambda match: _look_up(match[1], item), expression[1:])


def _look_up(path: str, item: dict[str, Any]) -> str:
    """`$json.headers['webhook-id']` and the like."""
    assert re.fullmatch(r"\$json(\.\w+|\['[^']+'\])+", path), path
    value: Any = item
    for plain, quoted in re.findall(r"\.(\w+)|\['([^']+)'\]", path):
        value = value[plain or quoted]
    return str(value)
