"""The product in separate roles: they start, stop, die and come back one by one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.processes import ProcessFailed, is_listening
from harness.servers import RedisServer
from harness.stack import CommandFailed, Stack


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder: Path = tmp_path_factory.mktemp("stack")
    with RedisServer() as broker, Stack(folder=folder, redis_url=broker.url) as running:
        yield running


def test_recipients_are_made_for_each_webhook(stack: Stack) -> None:
    webhooks = {"sales": "http://127.0.0.1:9/sales", "support": "http://127.0.0.1:9/support"}
    stack.create_recipients("made.example", webhooks)
    (domain,) = [item for item in stack.api("GET", "/domains") if "made" in item["domain_name"]]
    recipients = stack.api("GET", f"/domains/{domain['id']}/recipients")
    assert {item["local_part"]: item["webhook_url"] for item in recipients} == webhooks


def test_a_refused_call_tells_why(stack: Stack) -> None:
    with pytest.raises(CommandFailed, match="422"):
        stack.api("POST", "/domains", {"domain_name": "not a domain"})


def test_a_refused_command_tells_why(stack: Stack) -> None:
    with pytest.raises(CommandFailed, match="dance"):
        stack.manage("dance")


def test_a_role_stops_in_order_and_starts_again(stack: Stack) -> None:
    assert stack.stop("smtp") == 0
    assert not is_listening(stack.smtp_port)
    stack.start("smtp")
    stack.wait_ready("smtp")
    assert is_listening(stack.smtp_port)


def test_a_killed_role_is_gone_and_the_others_stay(stack: Stack) -> None:
    stack.kill("smtp")
    assert not stack.is_running("smtp")
    assert not is_listening(stack.smtp_port)
    assert all(stack.is_running(role) for role in ("api", "worker", "beat"))
    stack.start("smtp")
    stack.wait_ready("smtp")


def test_a_role_that_cannot_start_shows_why(stack: Stack) -> None:
    stack.stop("smtp")
    stack.start("smtp", FASTSMTP_SMTP_MAX_MESSAGE_SIZE="huge")
    with pytest.raises(ProcessFailed, match="FASTSMTP_SMTP_MAX_MESSAGE_SIZE"):
        stack.wait_ready("smtp")
    stack.start("smtp")
    stack.wait_ready("smtp")


def test_a_neighbour_works_for_the_same_installation(stack: Stack, tmp_path: Path) -> None:
    with stack.neighbour("api", folder=tmp_path) as host:
        assert host.api("GET", "/domains") == stack.api("GET", "/domains")
        assert (host.is_running("api"), host.is_running("worker")) == (True, False)
    assert stack.is_running("api")
