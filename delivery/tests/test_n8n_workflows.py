"""The workflows of docs/n8n, as far as they can be tried without n8n: they are whole, and what they
sign is what we sign."""

import hmac
import json
import re
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

    condition = _nodes(mode)["Is it from FastSMTP?"]["parameters"]["conditions"]["conditions"][0]
    assert condition["rightValue"] == "={{ 'v1,' + $json.signature }}"
    expected = _fill(condition["leftValue"].replace(" ?? ''", ""), arrived)
    assert expected == f"v1,{signature}"


@whole
def test_what_is_unpacked_is_what_was_signed(mode: str, receiver: WebhookReceiver) -> None:
    arrived = _as_n8n_has_it(mode, call(receiver, UMLAUTS, mode=mode))
    code = _nodes(mode)["Unpack the mail"]["parameters"]["jsCode"]
    [path] = re.findall(r"JSON\.parse\((.*?)\)", code)
    assert path in _nodes(mode)["Compute the signature"]["parameters"]["value"]
    assert orjson.loads(_look_up(path, arrived))["subject"] == "Grüße $& Invoice for January"


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
