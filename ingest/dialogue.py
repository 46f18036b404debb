"""The session (RFC 5321 §4.1): from each command to its reply.

aiosmtpd's own loop is not used: it answers with texts of its own, and with a permanent error, the
exception's text and the old sender and recipients where the fault is ours.
"""

import logging

from ingest import replies
from ingest.connection import Connection
from ingest.stream import Gone

log = logging.getLogger(__name__)

# Sent by browsers and confused clients. Their next lines are content that somebody else may have
# written, and must not be taken for commands.
NOT_SMTP = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "BDAT"}
# How every client begins that speaks TLS at once (RFC 8446 §5.1). It would wait for our answer, and
# we for the end of its line.
TLS_HANDSHAKE = b"\x16\x03"
BEFORE_STARTTLS = {"NOOP", "EHLO", "STARTTLS", "QUIT"}  # RFC 3207 §4
CLOSING = ("221", "421")  # RFC 5321 §4.2.1: with these the connection ends


def upper(keyword: str) -> str:
    """Verbs and parameters are ASCII in any case (RFC 5321 §2.4). What Unicode folds into ASCII is
    none: `ſTARTTLS`."""
    return keyword.upper() if keyword.isascii() else keyword


class Dialogue(Connection):
    _error_count = 0
    _command_count = 0  # since the last mail
    _refused_count = 0  # the same, of recipients

    async def _converse(self) -> None:
        await self._send(replies.greeting(self.hostname))
        if await self._begins_with(TLS_HANDSHAKE):
            await self._send(replies.NOT_SMTP)
            return
        while not self._may_end:
            reply = await self._next_reply()
            if reply.startswith(CLOSING):
                await self._send(reply)
                return
            if reply == replies.START_TLS:
                await self._send(reply)
                await self._switch_to_tls()
            elif reply.startswith(replies.QUEUED):
                self._command_count = self._refused_count = 0
                await self._send(reply)  # at once, whatever the next command has to wait for
            else:
                await self._answer(reply)
        await self._send(replies.SHUTTING_DOWN)

    async def _next_reply(self) -> str:
        line = await self._read_line()
        self._command_count += 1
        if self._command_count > self.limits.commands:
            return replies.TOO_MANY_COMMANDS
        if isinstance(line, str):
            return self._count_error(line)
        verb, _, arg = line.decode(errors="surrogateescape").rstrip("\r\n").partition(" ")
        try:
            return self._count_error(await self._obey(upper(verb), arg.strip(" \t")))
        except Gone:
            raise
        except Exception:
            log.exception("unexpected error in an SMTP session")
            self._set_rset_state()
            return replies.LOCAL_ERROR

    def _count_error(self, reply: str) -> str:
        self._error_count += reply.startswith("50")
        return replies.TOO_MANY_ERRORS if self._error_count > self.limits.errors else reply

    def _count_refused(self, reply: str) -> str:
        """A client that tries out names learns few in one session; relays of ours, which pass on
        what others have addressed, may be refused any number."""
        self._refused_count += reply.startswith(("550", "553"))
        is_over = self._refused_count > self.limits.refused_recipients
        if is_over and not self._is_trusted(self.session.client_ip):
            return replies.TOO_MANY_REFUSED
        return reply

    async def _obey(self, verb: str, arg: str) -> str:
        if verb in NOT_SMTP:
            return replies.NOT_SMTP
        if self._needs_starttls and verb not in BEFORE_STARTTLS:
            return replies.STARTTLS_FIRST
        return await self.perform(verb, arg)

    async def perform(self, verb: str, arg: str) -> str:
        """The reply to a command; those of a mail transaction are in the subclass."""
        match verb:
            case "EHLO" | "HELO" if not arg:
                return replies.HELO_SYNTAX
            case "EHLO":
                self._set_rset_state()
                self.session.greet(arg, is_extended=True)
                return replies.extensions(
                    self.hostname,
                    max_size=self.data_size_limit or 0,
                    has_starttls=self._offers_starttls,
                )
            case "HELO":
                self._set_rset_state()
                self.session.greet(arg, is_extended=False)
                return replies.hello(self.hostname)
            case "RSET" | "QUIT" | "STARTTLS" if arg:
                return replies.NO_PARAMETERS
            case "RSET":
                self._set_rset_state()
                return replies.OK
            case "NOOP":
                return replies.OK
            case "HELP":
                return replies.HELP
            case "VRFY":
                return replies.CANNOT_VERIFY
            case "QUIT":
                return replies.BYE
            case "STARTTLS":
                return replies.START_TLS if self._offers_starttls else replies.NO_STARTTLS
            case _:
                return replies.UNKNOWN_COMMAND

    @property
    def _offers_starttls(self) -> bool:
        return self.tls_context is not None and not self.session.is_encrypted

    @property
    def _needs_starttls(self) -> bool:
        return bool(self.require_starttls) and not self.session.is_encrypted
