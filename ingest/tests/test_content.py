"""DATA (RFC 5321 §4.1.1.4 and §4.5.2): where the message ends, and which bytes it may hold."""

import re
import socket
import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from accounts.models import Domain
from delivery.models import Message
from ingest.tests.dialogue import Talk, begin, begin_data, send_mail
from ingest.tests.running import ServerInThread
from ingest.tests.stored import contents

QUEUED = "250 2.0.0 Ok: queued as *"
LOOP = "554 5.4.6 Too many hops, this mail is going in circles"
BARE = "550 5.6.11 Bare CR, bare LF or NUL in the message"


def stuff(content: bytes) -> bytes:
    """What a client sends: a dot more on lines that begin with one, and the end."""
    return re.sub(rb"(\A|\r\n)\.", rb"\1..", content) + b".\r\n"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\r\n",
        b"Subject: Hello\r\n\r\nIt works.\r\n",
        b".\r\n",
        b"..\r\n.\r\n...\r\n",
        b".begins with a dot\r\nand ends with one.\r\n",
        b"dots\r\n.\r\n.\r\n.\r\n",
        b"Subject: \xc3\xa4\xff\x80\r\n\r\n\x01\x7f\r\n",
        b"x" * 60_000 + b"\r\n",
        b"x" * 300_000 + b"\r\n",
        b"line\r\n" * 400_000,
    ],
    ids=[
        "empty",
        "empty line",
        "mail",
        "dot",
        "only dots",
        "dotted words",
        "dot lines",
        "8-bit",
        "60 KB line",
        "300 KB line",
        "several chunks",
    ],
)
def test_what_was_sent_is_stored(port: int, content: bytes) -> None:
    with begin_data(port) as talk:
        talk.send(stuff(content))
        talk.expect(QUEUED)
    assert contents() == [content]


def test_a_line_that_begins_with_a_dot_loses_it(port: int) -> None:
    """Clients that do not double their dots are at fault, but the rule is the rule."""
    assert send_mail(port, b".dot\r\n").startswith("250 ")
    assert contents() == [b"dot\r\n"]


@pytest.mark.parametrize("position", range(1, 11))
def test_the_end_may_come_in_two_packets(port: int, position: int) -> None:
    data = b"one\r\n..\r\n.\r\n"
    with begin_data(port) as talk:
        talk.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        talk.send(data[:-position])
        time.sleep(0.01)  # so that they are two; the outcome is the same if they are not
        talk.send(data[-position:])
        talk.expect(QUEUED)
        assert talk.ask("NOOP") == "250 2.0.0 Ok"
    assert contents() == [b"one\r\n.\r\n"]


def test_the_end_may_come_byte_by_byte(port: int) -> None:
    with begin_data(port) as talk:
        talk.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in b".\r.\r\n..\r\n.\r\nNOOP\r\n":
            talk.send(bytes([byte]))
            time.sleep(0.002)
        talk.expect(BARE)
        talk.expect("250 2.0.0 Ok")


def test_commands_may_follow_the_end_at_once(port: int) -> None:
    with begin_data(port) as talk:
        talk.play("""
            C: first
            C: .
            C: MAIL FROM:<bob@sender.example>
            C: RCPT TO:<info@example.com>
            C: DATA
            S: 250 2.0.0 Ok: queued as *
            S: 250 2.1.0 Ok
            S: 250 2.1.5 Ok
            S: 354 *
            C: second
            C: .
            C: QUIT
            S: 250 2.0.0 Ok: queued as *
            S: 221 2.0.0 Bye
        """)
    assert contents() == [b"first\r\n", b"second\r\n"]
    senders = Message.objects.order_by("id").values_list("mail_from", flat=True)
    assert list(senders) == ["ada@sender.example", "bob@sender.example"]


SMUGGLED = b"MAIL FROM:<boss@example.com>\r\nRCPT TO:<info@example.com>\r\nDATA\r\nfalse\r\n"


# Every end that is none: what stands before and behind the dot, without NUL or with one.
NO_ENDS = [
    before + nul + b"." + behind
    for nul in (b"", b"\0")
    for before in (b"\n", b"\r", b"\r\n")
    for behind in (b"\n", b"\r", b"\r\n")
    if (before, nul, behind) != (b"\r\n", b"", b"\r\n")
]


@pytest.mark.parametrize("is_split", [False, True], ids=["one burst", "split at every byte"])
@pytest.mark.parametrize("end", NO_ENDS, ids=repr)
def test_only_crlf_dot_crlf_ends_a_message(port: int, end: bytes, is_split: bool) -> None:
    """SMTP smuggling: what one server takes for the end and another does not."""
    data = b"text" + end + SMUGGLED
    with begin_data(port) as talk:
        talk.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in [bytes([byte]) for byte in data] if is_split else [data]:
            talk.send(piece)
        talk.send(b".\r\n")
        talk.expect(BARE)
        assert talk.ask("NOOP") == "250 2.0.0 Ok"
    assert contents() == []


@pytest.mark.parametrize("byte", [b"\r", b"\n", b"\0"])
@pytest.mark.parametrize("place", [b"%ba\r\n", b"a%b\r\n", b"a\r\n%b\r\n", b"a\r\n%b.b\r\n"])
def test_bytes_that_no_message_may_hold(port: int, place: bytes, byte: bytes) -> None:
    with begin_data(port) as talk:
        talk.send(place % byte + b".\r\n")
        talk.expect(BARE)
        talk.play("""
            C: DATA
            S: 503 5.5.1 *
            C: MAIL FROM:<ada@sender.example>
            S: 250 2.1.0 Ok
            C: RCPT TO:<info@example.com>
            S: 250 2.1.5 Ok
            C: DATA
            S: 354 *
            C: good
            C: .
            S: 250 2.0.0 Ok: queued as *
        """)
    assert contents() == [b"good\r\n"]


PIECES = st.sampled_from([b"\r\n", b"\r\n", b".", b"..", b"a", b"\r", b"\n", b"\0"])


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(pieces=st.lists(PIECES, max_size=12), cut=st.integers(0, 30))
@example(pieces=[b"\r"], cut=0)
@example(pieces=[b".", b"\r\n", b"."], cut=3)
def test_any_content_is_stored_as_it_was_or_refused(
    port: int, pieces: list[bytes], cut: int
) -> None:
    content = b"".join(pieces) + b"\r\n"
    is_refused = re.search(rb"\r(?!\n)|(?<!\r)\n|\0", content) is not None
    data = stuff(content)
    with begin(port) as talk:
        talk.ask("DATA")
        talk.send(data[:cut])
        talk.send(data[cut:])
        talk.expect(BARE if is_refused else QUEUED)
        assert talk.ask("NOOP") == "250 2.0.0 Ok"
    assert contents() == ([] if is_refused else [content])
    Message.objects.all().delete()


def test_a_message_needs_its_end(port: int) -> None:
    with begin_data(port) as talk:
        talk.send(b"Subject: Hello\r\n\r\nIt wor")
        talk.hang_up()
    with Talk(port) as talk:
        talk.expect("220 *")
    assert contents() == []


class TestNormalized:
    """`FASTSMTP_SMTP_BARE_NEWLINES=normalize`, for devices that cannot do better."""

    @pytest.fixture
    def port(self, domain: Domain) -> Iterator[int]:
        with ServerInThread(smtp_bare_newlines="normalize") as server:
            yield server.port

    @pytest.mark.parametrize(
        ("sent", "stored"),
        [
            (b"a\nb\r\n", b"a\r\nb\r\n"),
            (b"a\rb\r\n", b"a\r\nb\r\n"),
            (b"a\n\rb\r\n", b"a\r\n\r\nb\r\n"),
            (b"a\r\r\nb\r\n", b"a\r\n\r\nb\r\n"),
            (b"a\n..b\r\n..c\r\n", b"a\r\n..b\r\n.c\r\n"),
        ],
    )
    def test_each_becomes_a_line_break(self, port: int, sent: bytes, stored: bytes) -> None:
        assert send_mail(port, sent).startswith("250 ")
        assert contents() == [stored]

    @pytest.mark.parametrize("end", NO_ENDS, ids=repr)
    def test_no_other_end_ends_it(self, port: int, end: bytes) -> None:
        """What a smuggler hides behind one stays content (CVE-2023-51764)."""
        with begin_data(port) as talk:
            talk.send(b"mail" + end + b"MAIL FROM:<evil@sender.example>\r\n.\r\n")
            talk.expect(BARE if b"\0" in end else QUEUED)
            assert talk.ask("RCPT TO:<info@example.com>") == "503 5.5.1 Need MAIL command"
        assert len(contents()) == (b"\0" not in end)

    def test_nul_stays_refused(self, port: int) -> None:
        assert send_mail(port, b"a\nb\0c\r\n") == BARE


@pytest.mark.parametrize(("count", "reply"), [(100, QUEUED), (101, LOOP)])
def test_a_mail_that_goes_in_circles(port: int, count: int, reply: str) -> None:
    """RFC 5321 §6.3."""
    hops = (
        b"Received: from a.example by b.example;\r\n\tFri, 20 Nov 2026 08:15:30 +0000\r\n" * count
    )
    with begin_data(port) as talk:
        talk.send(hops + b"Subject: Hello\r\n\r\nReceived: is not a field here\r\n.\r\n")
        talk.expect(reply)
        assert talk.ask("NOOP") == "250 2.0.0 Ok"
