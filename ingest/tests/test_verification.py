"""DKIM and SPF at the wire: what is stored, what is refused, and who has to wait for a name
server."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

import pytest

from accounts.models import Domain
from delivery.models import Delivery, Message, Recipient
from delivery.routing import routing
from fastsmtp.mail import spf
from fastsmtp.mail.authres import read_results
from fastsmtp.mail.tests.signing import KEY_NAME, MAIL, publish, sign
from fastsmtp.mail.words import decode_header
from fastsmtp.tests.dns_server import SERVFAIL, Answering, Query, Zone, serve_zone
from ingest.tests.dialogue import Talk
from ingest.tests.name_server import NameServerInThread
from ingest.tests.running import ServerInThread
from ingest.tests.stored import contents, only_message

GOOD, BAD = "192.0.2.1", "192.0.2.2"
QUEUED = "250 2.0.0 Ok: queued as *"
DKIM_FAIL = "550 5.7.20 No DKIM signature of this mail is valid"
SPF_FAIL = "550 5.7.23 The SPF record of the sender does not allow this client"
SIGNED = sign(MAIL)
TAMPERED = SIGNED.replace(b"turns", b"stops")


def zone() -> Zone:
    return {
        KEY_NAME: [("TXT", publish())],
        "sender.example": [("TXT", b"v=spf1 ip4:192.0.2.1 -all")],
        "mail.client.example": [("TXT", b"v=spf1 ip4:192.0.2.1 -all")],
    }


@contextmanager
def verifying(answering: Answering | None = None, **settings: Any) -> Iterator[ServerInThread]:
    """A server behind a proxy, which says where a client comes from."""
    with (
        NameServerInThread(answering or serve_zone(zone())) as names,
        ServerInThread(
            dns_servers=names.addresses,
            smtp_verify_dkim=True,
            smtp_verify_spf=True,
            smtp_proxy_networks=[ip_network("127.0.0.0/8")],
            **settings,
        ) as server,
    ):
        yield server


def begin(
    server: ServerInThread,
    *recipients: str,
    client: str = GOOD,
    mail_from: str = "ada@sender.example",
) -> Talk:
    """Up to where the message is expected."""
    talk = Talk(server.port)
    talk.send(f"PROXY TCP4 {client} 127.0.0.1 40000 25\r\n")
    talk.play(f"""
        S: 220 *
        C: EHLO mail.client.example
        S: 250 HELP
        C: MAIL FROM:<{mail_from}>
        S: 250 2.1.0 *
    """)
    for recipient in recipients or ("info@example.com",):
        talk.play(f"""
            C: RCPT TO:<{recipient}>
            S: 250 2.1.5 *
        """)
    talk.play("""
        C: DATA
        S: 354 *
    """)
    return talk


def send(server: ServerInThread, content: bytes, *recipients: str, **envelope: str) -> str:
    with begin(server, *recipients, **envelope) as talk:
        talk.send(content + b".\r\n")
        return talk.reply()[-1]


@pytest.mark.parametrize(
    ("content", "result", "signer"),
    [
        (SIGNED, "pass", "example.org"),
        (TAMPERED, "fail", "example.org"),
        (MAIL, "none", None),
        (sign(MAIL, s="unknown"), "permerror", "example.org"),
    ],
    ids=["signed", "tampered", "unsigned", "no key"],
)
def test_what_dkim_says_is_stored(
    domain: Domain, content: bytes, result: str, signer: str | None
) -> None:
    with verifying() as server:
        assert send(server, content).startswith("250 ")
    message = only_message()
    assert (message.dkim_result, message.dkim_domain) == (result, signer)
    assert contents() == [content]


def test_all_of_it_is_written_as_a_header(domain: Domain) -> None:
    """RFC 8601, for the receiver of the payload."""
    with verifying() as server:
        send(server, sign(TAMPERED, s="unknown"), client=BAD)
    header = only_message().authentication_results
    assert header.startswith("mx.example.com; spf=fail ")
    assert "smtp.mailfrom=ada@sender.example" in header
    assert header.count("dkim=") == 2
    assert "dkim=permerror" in header
    assert "dkim=fail" in header


def test_where_nothing_is_verified_nothing_is_written(domain: Domain) -> None:
    Domain.objects.filter(pk=domain.pk).update(verify_dkim=False, verify_spf=False)
    with verifying() as server:
        send(server, SIGNED)
    assert only_message().authentication_results == ""


def test_a_large_message_is_verified_too(domain: Domain) -> None:
    content = sign(MAIL + b"line\r\n" * 100_000)
    with verifying() as server:
        assert send(server, content).startswith("250 ")
    assert only_message().dkim_result == "pass"


@pytest.mark.parametrize(
    ("client", "mail_from", "result", "sender"),
    [
        (GOOD, "ada@sender.example", "pass", "sender.example"),
        (BAD, "ada@sender.example", "fail", "sender.example"),
        (BAD, "", "fail", "mail.client.example"),
        (BAD, "ada@nobody.example", "none", "nobody.example"),
        ("127.0.0.1", "ada@sender.example", "none", None),
        ("198.51.100.7", "ada@sender.example", "none", None),
    ],
    ids=["permitted", "not permitted", "HELO", "no policy", "this machine", "our relay"],
)
def test_what_spf_says_is_stored(
    domain: Domain, client: str, mail_from: str, result: str, sender: str | None
) -> None:
    with verifying(smtp_trusted_networks=[ip_network("198.51.100.0/24")]) as server:
        assert send(server, MAIL, client=client, mail_from=mail_from).startswith("250 ")
    message = only_message()
    assert (message.spf_result, message.spf_domain) == (result, sender)
    assert message.client_ip == client


@pytest.mark.parametrize(
    ("content", "client", "setting", "reply"),
    [
        (TAMPERED, GOOD, "smtp_reject_dkim_fail", DKIM_FAIL),
        (SIGNED, BAD, "smtp_reject_spf_fail", SPF_FAIL),
    ],
    ids=["DKIM", "SPF"],
)
def test_a_failure_is_refused_where_that_is_wanted(
    domain: Domain, content: bytes, client: str, setting: str, reply: str
) -> None:
    """By the server's default, unless the domain decides otherwise."""
    policy = setting.removeprefix("smtp_")
    default: dict[str, Any] = {setting: True}
    with verifying(**default) as server, begin(server, client=client) as talk:
        talk.send(content + b".\r\n")
        talk.expect(reply)
        assert talk.ask("RCPT TO:<info@example.com>") == "503 5.5.1 Need MAIL command"
        assert contents() == []
    Domain.objects.filter(pk=domain.pk).update(**{policy: False})
    with verifying(**default) as server:
        assert send(server, content, client=client).startswith("250 ")
    Domain.objects.filter(pk=domain.pk).update(**{policy: True})
    with verifying() as server:
        assert send(server, content, client=client) == reply


@pytest.mark.parametrize("policy", ["verify_dkim", "verify_spf"])
def test_who_does_not_verify_refuses_nothing(domain: Domain, policy: str) -> None:
    Domain.objects.filter(pk=domain.pk).update(
        reject_dkim_fail=policy == "verify_dkim",
        reject_spf_fail=policy == "verify_spf",
        **{policy: False},
    )
    with verifying() as server:
        assert send(server, TAMPERED, client=BAD).startswith("250 ")
    message = only_message()
    checked = message.spf_result if policy == "verify_dkim" else message.dkim_result
    skipped = message.dkim_result if policy == "verify_dkim" else message.spf_result
    assert (checked, skipped) == ("fail", "none")


def test_domains_that_disagree(domain: Domain) -> None:
    """The mail is taken, and the one that would have refused it drops it."""
    strict = Domain.objects.create(domain_name="strict.example", reject_spf_fail=True)
    Recipient.objects.create(domain=strict, local_part="info", webhook_url="http://127.0.0.1:9/")
    with verifying() as server:
        reply = send(server, MAIL, "info@example.com", "info@strict.example", client=BAD)
    assert reply.startswith("250 ")
    routing.route(list(Message.objects.values_list("id", flat=True)))
    assert set(Delivery.objects.values_list("domain__domain_name", "status", "reason")) == {
        ("example.com", "pending", ""),
        ("strict.example", "dropped", "spf_fail"),
    }


def test_trouble_with_dns_refuses_nothing(domain: Domain) -> None:
    broken: Zone = {
        KEY_NAME: [("TXT", SERVFAIL)],
        "sender.example": [("TXT", SERVFAIL)],
    }
    with verifying(
        serve_zone(broken), smtp_reject_dkim_fail=True, smtp_reject_spf_fail=True
    ) as server:
        assert send(server, SIGNED, client=BAD).startswith("250 ")
    message = only_message()
    assert (message.dkim_result, message.spf_result) == ("temperror", "temperror")


def test_a_silent_name_server_holds_up_its_own_mail_only(domain: Domain) -> None:
    is_released = threading.Event()

    async def answer(query: Query) -> bytes | None:
        if query.name == "slow.example":
            await asyncio.to_thread(is_released.wait, 60)
        return await serve_zone(zone())(query)

    with verifying(answer) as server, begin(server, mail_from="ada@slow.example") as slow:
        slow.send(MAIL + b".\r\n")
        for number in range(10):
            assert send(server, b"X-Number: %d\r\n" % number + SIGNED).startswith("250 ")
        assert len(contents()) == 10
        is_released.set()
        slow.expect(QUEUED)


@pytest.mark.parametrize("part", ["MAIL FROM", "EHLO"])
def test_a_sender_cannot_write_results_of_its_own(domain: Domain, part: str) -> None:
    word = "=?utf-8?q?x=22=3B_dkim=3Dpass_header.d=3Dgmail.com=3B_a=3D=22?="
    mail_from = f"{word}@example.org" if part == "MAIL FROM" else ""
    with verifying() as server, Talk(server.port) as talk:
        talk.send(f"PROXY TCP4 {GOOD} 127.0.0.1 40000 25\r\n")
        talk.play(f"""
            S: 220 *
            C: EHLO {word if part == "EHLO" else "client.example"}
            S: 250 HELP
            C: MAIL FROM:<{mail_from}>
            S: 250 2.1.0 *
            C: RCPT TO:<info@example.com>
            S: 250 2.1.5 *
            C: DATA
            S: 354 *
            C: .
            S: 250 *
        """)
    header = only_message().authentication_results
    assert [found.method for found in read_results(header)] == ["spf", "dkim"]
    assert [found.method for found in read_results(decode_header(header.encode()))] == [
        "spf",
        "dkim",
    ]
    assert "header.d" not in dict(read_results(header)[1].properties)


def test_a_policy_may_tell_senders_of_a_domain_apart(domain: Domain) -> None:
    known: Zone = {
        "sender.example": [("TXT", b"v=spf1 exists:%{l}.list.example -all")],
        "ada.list.example": [("A", "127.0.0.2")],
    }
    senders = ["ada", "bob", "ada", "bob"]
    with verifying(serve_zone(known)) as server:
        for number, sender in enumerate(senders):
            content = b"X-Number: %d\r\n" % number + MAIL
            assert send(server, content, mail_from=f"{sender}@sender.example").startswith("250 ")
    found = Message.objects.values_list("mail_from", "spf_result")
    assert (
        sorted(found) == [("ada@sender.example", "pass")] * 2 + [("bob@sender.example", "fail")] * 2
    )


def test_a_policy_that_does_not_is_evaluated_once(
    domain: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished: list[str] = []

    def check(*, mail_from: str, **asked: Any) -> spf.SPFResult:
        found = evaluate(mail_from=mail_from, **asked)  # ends here while an answer is missing
        finished.append(mail_from)
        return found

    evaluate = spf.check
    monkeypatch.setattr(spf, "check", check)
    with verifying() as server:
        for sender in ("ada", "bob", "eve"):
            content = f"X-Sender: {sender}\r\n".encode() + MAIL
            assert send(server, content, mail_from=f"{sender}@sender.example").startswith("250 ")
    assert finished == ["ada@sender.example"]
    assert set(Message.objects.values_list("spf_result", flat=True)) == {"pass"}


def test_a_dead_zone_does_not_take_the_places_of_others(domain: Domain) -> None:
    """One client names ten new keys below it in each of many mails."""
    is_released = threading.Event()

    async def answer(query: Query) -> bytes | None:
        if query.name.endswith(".dead.example"):
            await asyncio.to_thread(is_released.wait, 60)
        return await serve_zone(zone())(query)

    signature = (
        b"DKIM-Signature: v=1; a=rsa-sha256; d=dead.example; s=%d-%d; h=from; bh=aA==; b=aA==\r\n"
    )
    with ExitStack() as stack:
        server = stack.enter_context(verifying(answer, smtp_auth_timeout=timedelta(seconds=2)))
        stack.callback(is_released.set)
        for mail in range(30):
            talk = stack.enter_context(begin(server, client=BAD))
            talk.send(b"".join(signature % (mail, key) for key in range(10)) + MAIL + b".\r\n")
        assert send(server, SIGNED).startswith("250 ")
    message = Message.objects.get(client_ip=GOOD)
    assert (message.dkim_result, message.spf_result) == ("pass", "pass")


def test_all_keys_are_asked_for_at_once(domain: Domain) -> None:
    """The first answer comes only when the last question is there."""
    names = {f"s{number}._domainkey.example.org": f"s{number}" for number in range(2, 5)}
    asked: set[str] = set()
    all_asked = asyncio.Event()

    async def answer(query: Query) -> bytes | None:
        if query.name in names:
            asked.add(query.name)
            if asked == set(names):
                all_asked.set()
            await all_asked.wait()
        return await serve_zone({name: [("TXT", publish())] for name in names})(query)

    content = MAIL
    for selector in names.values():
        content = sign(content, s=selector)
    with verifying(answer) as server:
        assert send(server, content).startswith("250 ")
    header = only_message().authentication_results
    assert header.count("dkim=pass") == len(names)


def test_the_deadline(domain: Domain) -> None:
    """What a dead name server leaves open is a temporary error."""

    async def say_nothing(_: Query) -> None:
        return None

    with verifying(say_nothing, smtp_auth_timeout=timedelta(seconds=0.2)) as server:
        assert send(server, SIGNED).startswith("250 ")
    message = only_message()
    assert (message.dkim_result, message.spf_result) == ("temperror", "temperror")
