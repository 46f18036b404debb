"""Secrets that were made to be found appear in no log, answer, page, task or Redis command.

One installation, as it runs in containers and at its most talkative, is configured with them, used,
and broken on purpose in every role. What it said anywhere is searched.
"""

import base64
import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from email.message import EmailMessage
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
import redis
from django.contrib import admin
from django.urls import URLPattern, URLResolver

from delivery.models import Message
from delivery.tests.bucket_server import BUCKET, s3_server
from delivery.tests.webhook_receiver import Reply, WebhookReceiver
from fastsmtp import smtp_client
from fastsmtp.config import Config, ConfigError
from fastsmtp.crypto import generate_key
from fastsmtp.urls import api_v1
from harness.servers import RedisServer
from harness.stack import Stack
from harness.waiting import wait_until
from ingest.tests.browser import Browser
from ingest.tests.canaries import find, make_canary
from ingest.tests.redis_monitor import RedisMonitor

pytestmark = [pytest.mark.embedded, pytest.mark.timeout(300)]

EVENTS = "/events"  # where operational events go
RAISE = "BEGIN SELECT RAISE(ABORT, 'broken on purpose'); END"


@dataclass
class Evidence:
    """What was said, by who said it. `canaries` are secret everywhere, `url_tokens` stand in the
    URL of a webhook, which who administers it may see."""

    canaries: dict[str, str]
    url_tokens: dict[str, str]
    logs: dict[str, str] = field(default_factory=dict)
    redis: dict[str, str] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)
    pages: dict[str, str] = field(default_factory=dict)
    commands: dict[str, str] = field(default_factory=dict)
    payloads: dict[str, str] = field(default_factory=dict)
    database: dict[str, str] = field(default_factory=dict)
    confidential: dict[str, str] = field(default_factory=dict)  # what has to show a secret
    headers: list[Any] = field(default_factory=list)  # of the calls


class Scene:
    """The installation, and how it is used."""

    def __init__(self, stack: Stack, receiver: WebhookReceiver, evidence: Evidence) -> None:
        self.stack, self.receiver, self.evidence = stack, receiver, evidence
        self.domain_id = self.api("POST", "/domains", {"domain_name": "example.com"})["id"]
        self.ids = {"domain_id": self.domain_id}

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, str]:
        """What it says is evidence only of who calls this for its answer."""
        connection = HTTPConnection("127.0.0.1", self.stack.api_port, timeout=30)
        content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        sent = {"X-API-Key": self.stack.root_key, "Content-Type": "application/json", **headers}
        with closing(connection):
            connection.request(method, path, content, sent)
            response = connection.getresponse()
            return response.status, f"{response.headers}\n{response.read().decode()}"

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> int:
        status, answer = self.call(method, f"/api/v1{path}", body, **headers)
        self.evidence.answers[f"{method} {path} {len(self.evidence.answers)}"] = answer
        return status

    def api(self, method: str, path: str, body: Any = None) -> Any:
        _, answer = self.call(method, f"/api/v1{path}", body)
        self.evidence.answers[f"{method} {path}"] = answer
        return json.loads(answer.partition("\n\n")[2])

    def create_recipient(self, local_part: str) -> None:
        tokens = self.evidence.url_tokens
        path = f"/{local_part}/{tokens['path']}?token={tokens['query']}"
        headers = {"Authorization": f"Bearer {self.evidence.canaries['header']}"}
        self.api(
            "POST",
            f"/domains/{self.domain_id}/recipients",
            {
                "local_part": local_part,
                "webhook_url": self.receiver.url(path),
                "webhook_headers": headers,
            },
        )

    def path_of(self, local_part: str) -> str:
        tokens = self.evidence.url_tokens
        return f"/{local_part}/{tokens['path']}?token={tokens['query']}"

    def send(self, local_part: str) -> str:
        mail = EmailMessage()
        mail["From"], mail["To"] = "ada@example.org", f"{local_part}@example.com"
        mail["Subject"] = "Hello"
        mail.set_content("It works.")
        mail.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="a.pdf")
        return smtp_client.send(
            mail.as_bytes(),
            mail_from="ada@example.org",
            rcpt_to=f"{local_part}@example.com",
            host="127.0.0.1",
            port=self.stack.smtp_port,
        )

    def sql(self, statement: str, *values: object) -> list[Any]:
        with closing(sqlite3.connect(self.database, timeout=30)) as connection, connection:
            return connection.execute(statement, values).fetchall()

    @property
    def database(self) -> Path:
        return self.stack.folder / "fastsmtp.sqlite3"

    def wait_for_log(self, role: Any, words: str) -> None:
        wait_until(lambda: words in self.stack.log(role))


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    names = ("redis", "secretkey", "s3", "header", "password", "events")
    canaries = {name: make_canary(name) for name in names}
    encryption_key = generate_key()
    tokens = {name: make_canary(name) for name in ("path", "query")}
    evidence = Evidence(canaries, tokens)
    with ExitStack() as exits:
        broker = exits.enter_context(RedisServer())
        redis_url = _protect(broker, canaries["redis"])
        receiver = exits.enter_context(WebhookReceiver())
        monitor = exits.enter_context(RedisMonitor(redis_url))
        bucket = exits.enter_context(s3_server())
        stack = exits.enter_context(
            Stack(
                folder=tmp_path_factory.mktemp("stack"),
                redis_url=redis_url,
                environment={
                    "FASTSMTP_LOG_LEVEL": "debug",
                    "FASTSMTP_SECRET_KEY": canaries["secretkey"],
                    "FASTSMTP_ENCRYPTION_KEY": encryption_key,
                    "FASTSMTP_ATTACHMENT_STORAGE": "s3",
                    "FASTSMTP_PRESERVE_RAW_MESSAGE": "true",
                    "FASTSMTP_S3_PRESIGNED_URLS": "true",
                    "FASTSMTP_S3_ENDPOINT_URL": bucket,
                    "FASTSMTP_S3_BUCKET": BUCKET,
                    "FASTSMTP_S3_ACCESS_KEY": "access",
                    "FASTSMTP_S3_SECRET_KEY": canaries["s3"],
                    "FASTSMTP_WEBHOOK_TIMEOUT": "1",
                    "FASTSMTP_WEBHOOK_RETRY_BASE_DELAY": "0.05",
                    "FASTSMTP_EVENTS_GRACE": "0",
                    "FASTSMTP_EVENTS_WEBHOOK_URL": receiver.url(EVENTS),
                    "FASTSMTP_EVENTS_WEBHOOK_SECRET": f"whsec_{_encode(canaries['events'])}",
                },
            )
        )
        canaries |= {"root key": stack.root_key, "encryption key": encryption_key}
        scene = Scene(stack, receiver, evidence)
        _deliver(scene)
        _rotate(scene)
        _call_everything(scene)
        _walk_through_the_admin(scene)
        _run_commands(scene)
        _break_everything(scene)
        monitor.wait_for("LPUSH")
        evidence.logs = {role: stack.log(role) for role in ("smtp", "api", "worker", "beat")}
        evidence.logs["redis"] = (broker.folder / "redis.log").read_text()
        evidence.database = _stored(scene)
        evidence.payloads = {call.path: call.body.decode() for call in receiver.calls}
        evidence.headers = [call.headers for call in receiver.calls if call.path != EVENTS]
    evidence.redis["monitor"] = monitor.text
    return evidence


def _encode(secret: str) -> str:
    return base64.b64encode(secret.encode()).decode()


def _protect(broker: RedisServer, password: str) -> str:
    with redis.Redis.from_url(broker.url) as client:
        client.config_set("requirepass", password)
    return f"redis://:{password}@127.0.0.1:{broker.port}/0"


def _deliver(scene: Scene) -> None:
    """Mail that arrives, and mail that cannot in every way; each answer repeats what it got."""
    secret = scene.evidence.canaries["header"]
    answers = {
        "good": _echo("200 OK", secret),
        "busy": _echo("503 Busy", secret),
        "broken": _echo("500 Broken", secret),
        "moved": _echo(f"302 Moved\r\nlocation: http://127.0.0.1:9/{secret}", secret),
        "gone": _echo("410 Gone", secret),
        "reset": b"nonsense",
    }
    for local_part, raw in answers.items():
        scene.create_recipient(local_part)
        scene.receiver.answer(scene.path_of(local_part), Reply(raw=raw))
    scene.create_recipient("hangs")
    scene.receiver.hang(scene.path_of("hangs"))
    for local_part in (*answers, "hangs"):
        scene.send(local_part)
    for local_part in (*answers, "hangs"):
        scene.receiver.wait_for_calls(1, path=scene.path_of(local_part))
    scene.receiver.wait_for_calls(1, path=EVENTS)  # one is gone
    wait_until(lambda: scene.sql("SELECT count(*) FROM attempts")[0][0] >= len(answers) + 1)


def _echo(status: str, secret: str) -> bytes:
    body = json.dumps({"authorization": f"Bearer {secret}", "token": secret})
    return f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode()


def _rotate(scene: Scene) -> None:
    endpoint_id = _uuid(scene.sql("SELECT id FROM endpoints WHERE url LIKE '%/good/%'")[0][0])
    scene.ids["endpoint_id"] = endpoint_id
    path = f"/api/v1/domains/{scene.domain_id}/endpoints/{endpoint_id}"
    for name, method, action in (
        ("previous secret", "GET", "secret"),
        ("secret", "POST", "rotate-secret"),
    ):
        _, answer = scene.call(method, f"{path}/{action}")
        scene.evidence.confidential[action] = answer
        shown = json.loads(answer.partition("\n\n")[2])
        scene.evidence.canaries[name] = shown["signing_key"]
    scene.send("good")
    scene.receiver.wait_for_calls(2, path=scene.path_of("good"))


def _uuid(stored: str) -> str:
    return f"{stored[:8]}-{stored[8:12]}-{stored[12:16]}-{stored[16:20]}-{stored[20:]}"


def _routes(patterns: list[URLPattern | URLResolver], prefix: str = "") -> Iterator[str]:
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _routes(pattern.url_patterns, route)
        else:
            yield route


def _call_everything(scene: Scene) -> None:
    """Every path of the API, as it is meant and as it is not."""
    ruleset = scene.api("POST", f"/domains/{scene.domain_id}/rulesets", {"name": "first"})
    rule = {"field": "subject", "operator": "contains", "value": "x", "action": "forward"}
    made = scene.api("POST", f"/domains/{scene.domain_id}/rulesets/{ruleset['id']}/rules", rule)
    replay = scene.api("POST", f"/domains/{scene.domain_id}/delivery-log/retry", {})
    scene.ids |= {
        "ruleset_id": ruleset["id"],
        "rule_id": made["id"],
        "replay_id": replay["replay_id"],
        "delivery_id": _uuid(scene.sql("SELECT id FROM deliveries LIMIT 1")[0][0]),
    }
    for route in _routes(api_v1):
        path = "/" + re.sub(r"<str:(\w+)>", lambda match: scene.ids[match[1]], route)
        if not path.endswith("/secret"):
            assert scene.ask("GET", path) < 500
        assert scene.ask("GET", path, **{"X-API-Key": "fsmtp_wrong"}) in (200, 401, 405)
        if not path.endswith("rotate-secret"):
            assert scene.ask("POST", path, b"{") < 500
        assert scene.ask("DELETE", path + "x") < 500
    scene.ask("GET", "/ready?include_queue&include_smtp")
    secret = scene.evidence.canaries["header"]
    recipients = f"/domains/{scene.domain_id}/recipients"
    for wrong in (f"{secret}\x01", f"{secret}\n", [secret], {secret[::-1]: 1}):
        body = {"webhook_url": "http://127.0.0.1:9/", "webhook_headers": {"X-Key": wrong}}
        assert scene.ask("POST", recipients, body) == 422
    code, metrics = scene.call("GET", "/metrics")
    scene.evidence.answers[f"/metrics {code}"] = metrics


def _walk_through_the_admin(scene: Scene) -> None:
    password = scene.evidence.canaries["password"]
    scene.stack.manage(
        "shell",
        "-c",
        "from accounts.models import User; "
        f"User.objects.create_user('alice', '{password}', is_superuser=True)",
    )
    browser = Browser(f"http://127.0.0.1:{scene.stack.api_port}")
    browser.sign_in("alice", password)

    def is_left_out(path: str) -> bool:
        return path.endswith(("/secret", "/logout/", "/raw"))

    scene.evidence.pages = browser.crawl("/admin/", skip=is_left_out)
    secret_page = f"/admin/delivery/endpoint/{scene.ids['endpoint_id']}/secret"
    scene.evidence.confidential[secret_page] = browser.get(secret_page)[1]
    recipient_id = _uuid(scene.sql("SELECT id FROM recipients WHERE local_part = 'good'")[0][0])
    page = f"/admin/delivery/recipient/{recipient_id}/change/"
    form = {"local_part": "good", "webhook_url": "http://127.0.0.1:9/"}
    secret = scene.evidence.canaries["header"]
    # What was typed comes back to who typed it; it is looked for in the logs.
    scene.sql(f"CREATE TRIGGER broken BEFORE UPDATE ON recipients {RAISE}")
    status, scene.evidence.pages["a page that broke"] = browser.submit(
        page, **form, webhook_headers=json.dumps({"X-Key": secret})
    )
    scene.sql("DROP TRIGGER broken")
    assert status == 500


def _run_commands(scene: Scene) -> None:
    """In one process, to save the time of starting each."""
    commands = [
        ["show_config"],
        ["show_config", "--json"],
        ["check"],
        ["rotate_encryption"],
        ["recipient", "list"],
        ["domain", "list", "--json"],
        ["user", "list"],
        ["endpoint", "list"],
        ["endpoint", "show", scene.ids["endpoint_id"]],
    ]
    script = f"from django.core.management import call_command as c; [c(*a) for a in {commands}]"
    scene.evidence.commands["all"] = scene.stack.manage("shell", "-c", script)


def _break_everything(scene: Scene) -> None:
    """Each role gets errors that it did not expect, with tracebacks in its log."""
    scene.sql("ALTER TABLE rulesets RENAME TO hidden")
    assert scene.ask("GET", f"/domains/{scene.domain_id}/rulesets") == 500
    scene.sql("ALTER TABLE hidden RENAME TO rulesets")

    scene.sql(f"CREATE TRIGGER broken BEFORE INSERT ON attempts {RAISE}")
    scene.send("good")
    scene.wait_for_log("worker", "outcome not recorded")
    scene.sql("DROP TRIGGER broken")

    scene.sql(f"CREATE TRIGGER broken BEFORE INSERT ON deliveries {RAISE}")
    scene.send("good")
    scene.wait_for_log("worker", "cannot be routed")
    scene.sql("DROP TRIGGER broken")

    scene.sql(f"CREATE TRIGGER broken BEFORE INSERT ON {Message._meta.db_table} {RAISE}")
    with pytest.raises(smtp_client.Refused):
        scene.send("good")
    scene.wait_for_log("smtp", "cannot be stored")
    scene.sql("DROP TRIGGER broken")

    scene.sql("UPDATE endpoints SET secret = 'nonsense' WHERE url LIKE '%/broken/%'")
    scene.send("broken")
    scene.wait_for_log("worker", "No key of FASTSMTP_ENCRYPTION_KEY")
    scene.sql("UPDATE endpoints SET max_body_bytes = 'nonsense' WHERE url LIKE '%/broken/%'")
    scene.send("broken")
    scene.wait_for_log("worker", "could not be sent")
    assert scene.ask("GET", f"/domains/{scene.domain_id}/recipients") == 200


def _stored(scene: Scene) -> dict[str, str]:
    """Byte by byte, with what is not yet in the main file and what is no longer in any row."""
    files = scene.stack.folder.glob("fastsmtp.sqlite3*")
    return {path.name: path.read_bytes().decode("latin-1") for path in files}


def test_the_search_finds_what_is_there(evidence: Evidence) -> None:
    canary = make_canary("planted")
    wrapped = {
        "text": f"a {canary} b",
        "hex": canary.encode().hex(),
        **{
            f"base64 {offset}": base64.b64encode(b"x" * offset + canary.encode() + b"yz").decode()
            for offset in range(4)
        },
        "nothing": make_canary("planted"),
    }
    found = find({"planted": canary}, wrapped)
    assert found == [f"planted in {source}" for source in wrapped if source != "nothing"]


def test_everything_was_looked_at(evidence: Evidence) -> None:
    """Without this, a test that looks in the wrong place would be as green."""
    assert all("Traceback" in evidence.logs[role] for role in ("smtp", "api", "worker"))
    assert '"level":"debug"' in evidence.logs["worker"]
    for logger in ("botocore", "django"):
        assert logger in evidence.logs["worker"] + evidence.logs["api"]
    assert find({"task": "delivery.route_messages"}, evidence.redis)
    assert find({"argument": "message_ids"}, evidence.redis)  # inside base64
    for model in admin.site._registry:
        pages = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        assert pages in evidence.pages
        assert any(page.startswith(pages) and page.endswith("/change/") for page in evidence.pages)
    assert find({"mask": "********"}, evidence.pages)
    assert find({"mask": "********"}, evidence.commands)
    assert find({"tokens": evidence.url_tokens["query"]}, evidence.pages)
    assert find({"tokens": evidence.url_tokens["query"]}, evidence.database)


def test_who_must_have_a_secret_has_it(evidence: Evidence) -> None:
    secret, previous = evidence.canaries["secret"], evidence.canaries["previous secret"]
    assert find({"secret": secret}, evidence.confidential) == [
        "secret in rotate-secret",
        f"secret in {list(evidence.confidential)[-1]}",
    ]
    assert find({"secret": previous}, evidence.confidential) == ["secret in secret"]
    wanted = f"Bearer {evidence.canaries['header']}"
    assert all(headers["authorization"] == wanted for headers in evidence.headers)


@pytest.mark.parametrize("source", ["logs", "redis"])
def test_not_even_the_url_of_a_webhook(evidence: Evidence, source: str) -> None:
    """Its path and its query are often all that keeps a webhook secret."""
    assert find(evidence.canaries | evidence.url_tokens, getattr(evidence, source)) == []


@pytest.mark.parametrize("source", ["answers", "pages", "commands", "payloads", "database"])
def test_no_secret(evidence: Evidence, source: str) -> None:
    assert find(evidence.canaries, getattr(evidence, source)) == []


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("REDIS_URL", "http://:{}@127.0.0.1/"),
        ("REDIS_URL", "{}"),
        ("DATABASE_URL", "postgresql://user:{}@127.0.0.1:x/"),
        ("DATABASE_URL", "oracle://user:{}@127.0.0.1/"),
        ("ENCRYPTION_KEY", "{}"),
        ("SECRET_KEY", "{:.10}"),
        ("ROOT_API_KEY", "{:.10}"),
    ],
)
def test_a_refused_setting_does_not_repeat_it(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    canary = "canarysetting0123456789"
    monkeypatch.setenv(f"FASTSMTP_{variable}", value.format(canary))
    with pytest.raises(ConfigError) as refusal:
        Config.read()
    assert f"FASTSMTP_{variable}" in str(refusal.value)
    assert canary[:10] not in str(refusal.value)
