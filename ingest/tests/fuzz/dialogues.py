"""What a fuzzer says: whole mails, commands as they should be, mutilated ones and noise, in packets
of any size."""

from hypothesis import strategies as st

from ingest.tests.fuzz.script import Leaving, Listen, Script, Send, StartTLS, Step, Variety

SENDERS = [b"ada@sender.example", b"", b"root@192.168.1.5", b'"a > b"@sender.example', b"bob"]
RECIPIENTS = [
    b"info@example.com",
    b"Info+tag@EXAMPLE.com.",
    b'"info"@example.com',
    b"@relay.example:info+1@example.com",
    b"nobody@example.com",
    b"info@elsewhere.example",
    b"in\0fo@example.com",
    b"info",
]
MAIL_PARAMETERS = [
    b" SIZE=1000",
    b" SIZE=3001",
    b" SIZE=00000000000000000000000000005000000",
    " SIZE=٣".encode(),
    b" BODY=8BITMIME",
    b" SMTPUTF8",
    b" AUTH=<>",
    b" X=1",
]
COMMANDS = [
    b"EHLO client.example",
    b"HELO client",
    b"EHLO",
    b"RSET",
    b"NOOP",
    b"noop twice",
    b"DATA",
    b"DATA now",
    b"HELP",
    b"VRFY info",
    b"EXPN info",
    b"AUTH PLAIN AGEAYg==",
    b"BDAT 5 LAST",
    b"GET / HTTP/1.1",
    b"\x16\x03\x01\x02",
    b"QUIT",
    b"STARTTLS",
    b"",
    b".",
    "ſTARTTLS".encode(),
    "maıl FROM:<ada@sender.example>".encode(),
]
LINE_ENDS = [b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r", b"\r\r\n", b"\0\r\n", b" \t\r\n"]
CONTENT = [
    b"Subject: Hello\r\n",
    b"\r\n",
    b"text",
    b".",
    b"..",
    b".\r\n",
    b"\r\n.\n",
    b"\n.\r\n",
    b"\r.\r",
    b"\r\n\0.\r\n",
    b"\r",
    b"\n",
    b"\0",
    b"\xff\x80",
    b"MAIL FROM:<evil@sender.example>\r\nRCPT TO:<info@example.com>\r\nDATA\r\nfalse\r\n",
]

mail_commands = st.builds(
    lambda sender, parameters: b"MAIL FROM:<%s>%s" % (sender, b"".join(parameters)),
    st.sampled_from(SENDERS),
    st.lists(st.sampled_from(MAIL_PARAMETERS), max_size=2),
)
rcpt_commands = st.builds(lambda path: b"RCPT TO:<%s>" % path, st.sampled_from(RECIPIENTS))
commands = st.one_of(st.sampled_from(COMMANDS), mail_commands, rcpt_commands)


@st.composite
def mutilated(draw: st.DrawFn) -> bytes:
    """A command in which a few bytes were lost, doubled or changed."""
    line = bytearray(draw(commands))
    for position in draw(st.lists(st.integers(0, 60), min_size=1, max_size=3)):
        start = min(position, len(line))
        line[start : start + draw(st.integers(0, 2))] = draw(st.binary(max_size=3))
    return bytes(line)


lines = st.builds(
    bytes.__add__,
    st.one_of(commands, commands, mutilated(), st.binary(max_size=20)),
    st.sampled_from(LINE_ENDS),
)
huge = st.builds(
    Send,
    st.sampled_from([b"x", b"NOOP\r\n", b".\r\n", b"..\r\n", b"\r\n", b"RSET ", b"\r", b"\0"]),
    st.sampled_from([20, 700, 1000, 2048, 70_000]),
)
content = st.lists(st.one_of(st.sampled_from(CONTENT).map(Send), huge), max_size=5)


@st.composite
def mails(draw: st.DrawFn) -> list[Step]:
    """A whole transaction; its parts need not be good."""
    recipients = draw(st.lists(rcpt_commands, min_size=1, max_size=6))
    return [
        Send(b"EHLO client.example\r\n"),
        Send(b"%s\r\n" % draw(mail_commands)),
        *(Send(b"%s\r\n" % recipient) for recipient in recipients),
        Send(b"DATA\r\n"),
        *draw(content),
        Send(b"\r\n.\r\n"),
    ]


phrases = st.one_of(
    mails(),
    st.lists(lines.map(Send), min_size=1, max_size=3),
    huge.map(lambda step: [step]),
    st.builds(StartTLS, st.sampled_from([b"", b"EHLO evil.example\r\n", b"x"])).map(
        lambda step: [step]
    ),
)


@st.composite
def scripts(draw: st.DrawFn, variety: Variety) -> Script:
    steps: list[Step] = []
    for step in [step for phrase in draw(st.lists(phrases, max_size=5)) for step in phrase]:
        # Between a write and the next one, listening or not makes the bursts.
        steps += _cut(step, draw(st.integers(0, 12)))
        if draw(st.booleans()):
            steps.append(Listen())
    return Script(tuple(steps), draw(st.sampled_from(Leaving)), variety)


def _cut(step: Step, position: int) -> list[Step]:
    """Into two packets."""
    if isinstance(step, Send) and step.times == 1 and 0 < position < len(step.data):
        return [Send(step.data[:position]), Send(step.data[position:])]
    return [step]


# One dialogue, or two at the same time: they must not know of each other.
conversations = st.sampled_from(Variety).flatmap(
    lambda variety: st.lists(scripts(variety), min_size=1, max_size=2)
)
