"""What RFC 5321 and docs/smtp.md say to a client, written a second time and as plainly as possible.

What a server says and stores follows from the client's bytes, whatever packets they come in. So
a client can know all of it beforehand. Only the grammar of an address is taken from the product:
it has tests of its own.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from fastsmtp.mail.address import parse_mailbox, parse_reverse_path
from ingest.tests.fuzz.script import Script, Send, StartTLS, Variety

MAX_COMMAND = 2048
MAX_LINE = 1024 * 1024
MAX_SIZE = 3000
MAX_RECIPIENTS = 4
MAX_ERRORS = 6
MAX_COMMANDS = 40
MAX_REFUSED = 5
NOT_SMTP = (b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS", b"CONNECT", b"BDAT")
TLS_HANDSHAKE = b"\x16\x03"
MAIL_PARAMETERS = ("SIZE", "BODY", "SMTPUTF8", "AUTH", "RET", "ENVID")
RCPT_PARAMETERS = ("NOTIFY", "ORCPT")


def due_replies(script: Script) -> Iterator[list[str]]:
    """What is to be said until each `Listen` and `StartTLS`."""
    reference, count = Reference(script.variety), 0
    for step in script.steps:
        match step:
            case Send():
                reference.hear(step.bytes)
                continue
            case StartTLS(injected):
                reference.hear_starttls(injected)
        yield reference.replies[count:]
        count = len(reference.replies)


@dataclass(frozen=True)
class Mail:
    mail_from: str
    rcpt_to: tuple[str, ...]
    content: bytes
    smtputf8: bool


class Reference:
    """Hears what the client sends. `replies` are codes with their enhanced codes, as they stand at
    the start of a reply; `mails` holds what must be stored by now."""

    def __init__(self, variety: Variety) -> None:
        self._variety = variety
        self.replies = ["220"]
        self.mails: list[Mail] = []
        self.is_closed = False
        self.is_lossy = False  # closed while we were talking: what was said last may be lost
        self.expects_tls = False
        self._has_begun = False
        self._is_encrypted = False
        self._error_count = 0
        self._command_count = 0
        self._refused_count = 0
        self._forget()

    def _forget(self) -> None:
        self._pending = b""
        self._has_greeted = False
        self._reset()

    def _reset(self) -> None:
        self._sender: str | None = None
        self._has_smtputf8 = False
        self._recipients: dict[str, str] = {}
        self._is_in_data = False

    def hear(self, data: bytes) -> None:
        if self.expects_tls:  # no handshake begins like that
            self.is_closed = self.is_lossy = True
        self._pending += data
        while not self.is_closed and not self.expects_tls and self._advance():
            pass
        self.is_lossy |= self.is_closed and bool(self._pending)

    def hear_starttls(self, injected: bytes) -> bool:
        """The command with something behind it in its packet. True if TLS has to begin now."""
        self.hear(b"STARTTLS\r\n" + injected)
        if self.is_closed or not self.expects_tls:
            return False
        self.expects_tls = False
        self._is_encrypted = True
        self._forget()
        return True

    def _advance(self) -> bool:
        if not self._has_begun:
            return self._hear_beginning()
        return self._hear_data() if self._is_in_data else self._hear_command()

    def _hear_beginning(self) -> bool:
        start = self._pending[: len(TLS_HANDSHAKE)]
        self._has_begun = start == TLS_HANDSHAKE or not TLS_HANDSHAKE.startswith(start)
        if start == TLS_HANDSHAKE:
            self._say("421 4.7.0")
        return self._has_begun

    def _hear_data(self) -> bool:
        # The line break that ended DATA makes a lone first dot an end as well.
        content, end, rest = (b"\r\n" + self._pending).partition(b"\r\n.\r\n")
        if not end:
            return False
        self._pending = rest
        self._say(self._take((content + b"\r\n")[2:]))
        self._reset()
        return True

    def _take(self, stuffed: bytes) -> str:
        lines = [line.removeprefix(b".") for line in stuffed.split(b"\r\n")]
        content = b"\r\n".join(lines)
        if len(content) > MAX_SIZE:
            return "552 5.3.4"
        is_bare = any(b"\r" in line or b"\n" in line for line in lines)
        if b"\0" in content or (is_bare and self._variety is not Variety.NORMALIZING):
            return "550 5.6.11"
        content = re.sub(rb"\r\n|\r|\n", b"\r\n", content)
        assert self._sender is not None
        recipients = tuple(self._recipients.values())
        self.mails.append(Mail(self._sender, recipients, content, self._has_smtputf8))
        self._command_count = self._refused_count = 0
        return "250 2.0.0"

    def _hear_command(self) -> bool:
        line, newline, rest = self._pending.partition(b"\n")
        is_endless = len(line) >= MAX_LINE
        if not newline and not is_endless:
            return False
        self._pending = self._pending[MAX_LINE:] if is_endless else rest
        self._command_count += 1
        if self._command_count > MAX_COMMANDS or is_endless:
            self._say("421 4.7.0")
        elif len(line) >= MAX_COMMAND:
            self._say(self._count("500 5.5.2"))
        else:
            self._say(self._count(self._obey(line.rstrip(b"\r"))))
        return True

    def _say(self, reply: str) -> None:
        self.replies.append(reply)
        self.is_closed = reply.startswith(("221", "421"))

    def _count(self, reply: str) -> str:
        self._error_count += reply.startswith("50")
        return "421 4.7.0" if self._error_count > MAX_ERRORS else reply

    def _obey(self, line: bytes) -> str:
        verb, _, rest = line.partition(b" ")
        verb = verb.upper()
        arg = rest.strip(b" \t").decode(errors="surrogateescape")
        if verb in NOT_SMTP:
            return "421 4.7.0"
        must_encrypt = self._variety is Variety.ENCRYPTED and not self._is_encrypted
        if must_encrypt and verb not in (b"NOOP", b"EHLO", b"STARTTLS", b"QUIT"):
            return "530 5.7.0"
        if verb in (b"RSET", b"QUIT", b"STARTTLS") and arg:
            return "501 5.5.4"
        match verb:
            case b"EHLO" | b"HELO":
                return self._greet(arg)
            case b"MAIL":
                return self._mail(arg)
            case b"RCPT":
                reply = self._rcpt(arg)
                self._refused_count += reply.startswith("55") and reply != "555 5.5.4"
                return "421 4.7.0" if self._refused_count > MAX_REFUSED else reply
            case b"DATA":
                return self._data(arg)
            case b"RSET":
                self._reset()
                return "250 2.0.0"
            case b"STARTTLS":
                return self._starttls()
        return {
            b"NOOP": "250 2.0.0",
            b"HELP": "214 2.0.0",
            b"VRFY": "252 2.0.0",
            b"QUIT": "221 2.0.0",
        }.get(verb, "500 5.5.1")

    def _greet(self, name: str) -> str:
        if not name:
            return "501 5.5.4"
        self._reset()
        self._has_greeted = True
        return "250"

    def _starttls(self) -> str:
        if self._variety is Variety.NORMALIZING or self._is_encrypted:
            return "503 5.5.1"
        self.expects_tls = True
        return "220 2.0.0"

    def _mail(self, arg: str) -> str:
        if not self._has_greeted or self._sender is not None:
            return "503 5.5.1"
        path, parameters = _read_path(arg, "FROM:")
        if path is None:
            return "501 5.5.4"
        try:
            sender = parse_reverse_path(path)
        except ValueError:
            return "553 5.1.7"
        for parameter in parameters:
            if refusal := _refuse(parameter):
                return refusal
        self._sender = sender
        self._has_smtputf8 = any(_name(parameter) == "SMTPUTF8" for parameter in parameters)
        return "250 2.1.0"

    def _rcpt(self, arg: str) -> str:
        if not self._has_greeted or self._sender is None:
            return "503 5.5.1"
        path, parameters = _read_path(arg, "TO:")
        if path is None:
            return "501 5.5.4"
        if any(_name(parameter) not in RCPT_PARAMETERS for parameter in parameters):
            return "555 5.5.4"
        try:
            mailbox = parse_mailbox(path)
        except ValueError:
            return "553 5.1.3"
        if len(self._recipients) >= MAX_RECIPIENTS:
            return "452 4.5.3"
        if mailbox.domain != "example.com":
            return "550 5.1.2"
        if mailbox.local_part.lower().split("+")[0] != "info":
            return "550 5.1.1"
        self._recipients.setdefault(mailbox.address.lower(), mailbox.address)
        return "250 2.1.5"

    def _data(self, arg: str) -> str:
        if not self._recipients:
            return "503 5.5.1"
        if arg:
            return "501 5.5.4"
        self._is_in_data = True
        return "354"


def _read_path(arg: str, keyword: str) -> tuple[str | None, list[str]]:
    """Up to the first `>` outside quotes; without brackets up to a space."""
    if arg[: len(keyword)].upper() != keyword:
        return None, []
    text = arg[len(keyword) :].lstrip(" ")
    if text.startswith("<"):
        path, end, rest = _until_bracket(text[1:])
    else:
        path, end, rest = text, bool(text), ""
        if match := re.search(r"[\s<>]", text):
            path, rest = text[: match.start()], text[match.start() :]
            end = bool(path)
    if not end or (rest and not rest.startswith(" ")):
        return None, []
    if path.startswith("@") and ":" in path:  # a source route
        path = path.split(":", 1)[1]
    return path, rest.split()


def _until_bracket(text: str) -> tuple[str, bool, str]:
    is_quoted = is_escaped = False
    for position, char in enumerate(text):
        if is_escaped:
            is_escaped = False
        elif is_quoted and char == "\\":
            is_escaped = True
        elif char == '"':
            is_quoted = not is_quoted
        elif char == ">" and not is_quoted:
            return text[:position], True, text[position + 1 :]
    return text, False, ""


def _name(parameter: str) -> str:
    name = parameter.partition("=")[0]
    return name.upper() if name.isascii() else name


def _refuse(parameter: str) -> str | None:
    name, value = _name(parameter), parameter.partition("=")[2]
    if name not in MAIL_PARAMETERS:
        return "555 5.5.4"
    is_wrong = (
        (name == "SIZE" and not re.fullmatch("[0-9]+", value))
        or (name == "BODY" and not re.fullmatch("7BIT|8BITMIME", value, re.ASCII | re.IGNORECASE))
        or (name == "SMTPUTF8" and value)
    )
    if is_wrong:
        return "501 5.5.4"
    return "552 5.3.4" if name == "SIZE" and int(value) > MAX_SIZE else None
