"""The mail transaction (RFC 5321 §3.3): MAIL, RCPT and DATA.

aiosmtpd would read DATA line by line, with a limit that refuses real mail, and take addresses
apart with the parser of message headers.
"""

import re
from typing import Any

from fastsmtp.mail.address import Mailbox, parse_mailbox, parse_reverse_path
from ingest import replies
from ingest.backpressure import Backpressure
from ingest.budget import Reservation
from ingest.dialogue import Dialogue, upper
from ingest.rates import Rate

READ_SIZE = 256 * 1024
END_OF_DATA = b"\r\n.\r\n"
BODY_TYPES = ("7BIT", "8BITMIME")
# Parameters that senders add and that change nothing for us: RFC 3461 (DSN), RFC 4954 §5.
MAIL_PARAMETERS = {"AUTH", "RET", "ENVID"}
RCPT_PARAMETERS = {"NOTIFY", "ORCPT"}

_BARE_NEWLINE = re.compile(rb"\r(?!\n)|(?<!\r)\n")
# `<a@b> X=1`. A quoted local part may hold a ">" (RFC 5321 §4.1.2). Without the brackets it is
# no SMTP, but there are devices that know no better.
_PATH = re.compile(r'(?:<((?:[^">]|"(?:[^"\\]|\\.)*+")*+)>|([^\s<>]+))(?: +(.*))?', re.DOTALL)


class SMTPProtocol(Dialogue):
    def __init__(
        self,
        handler: object,
        *,
        normalizes_newlines: bool,
        backpressure: Backpressure,
        message_rate: Rate | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(handler, **settings)
        self._normalizes_newlines = normalizes_newlines
        self._message_rate = message_rate
        self._backpressure = backpressure

    async def perform(self, verb: str, arg: str) -> str:
        match verb:
            case "MAIL":
                return await self._mail(arg)
            case "RCPT":
                return await self._rcpt(arg)
            case "DATA":
                return await self._data(arg)
            case _:
                return await super().perform(verb, arg)

    async def _mail(self, arg: str) -> str:
        if not self.session.host_name:
            return replies.HELO_FIRST
        if self.envelope.mail_from is not None:
            return replies.NESTED_MAIL
        path, parameters = _split_path(arg, "FROM:")
        if path is None:
            return replies.MAIL_SYNTAX
        try:
            sender = parse_reverse_path(path)
        except ValueError:
            return replies.BAD_SENDER
        refusal = self._apply_mail_parameters(parameters)
        if refusal is None and self._backpressure.is_full:
            refusal = replies.QUEUE_FULL
        if refusal is not None:
            self._set_post_data_state()  # what its parameters said does not count either
            return refusal
        if not self._is_within(self._message_rate):
            return replies.MESSAGE_RATE
        self.envelope.mail_from = sender
        self.envelope.deadline = self.loop.time() + self.limits.transaction
        return replies.SENDER_OK

    def _apply_mail_parameters(self, parameters: list[str]) -> str | None:
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            match upper(name):
                case "SIZE":
                    if not (value.isascii() and value.isdecimal()):
                        return replies.BAD_PARAMETER
                    if int(value) > (self.data_size_limit or 0):
                        return replies.TOO_LARGE
                case "BODY":
                    if upper(value) not in BODY_TYPES:
                        return replies.BAD_PARAMETER
                case "SMTPUTF8":
                    if value:
                        return replies.BAD_PARAMETER
                    self.envelope.smtp_utf8 = True
                case other if other not in MAIL_PARAMETERS:
                    return replies.UNKNOWN_PARAMETER
        return None

    async def _rcpt(self, arg: str) -> str:
        mailbox = self._recipient(arg)
        if not isinstance(mailbox, Mailbox):
            return self._count_refused(mailbox)
        return self._count_refused(await self.event_handler.recipient(self.envelope, mailbox))

    def _recipient(self, arg: str) -> Mailbox | str:
        if not self.session.host_name:
            return replies.HELO_FIRST
        if self.envelope.mail_from is None:
            return replies.NEED_MAIL
        path, parameters = _split_path(arg, "TO:")
        if path is None:
            return replies.RCPT_SYNTAX
        if any(upper(item.partition("=")[0]) not in RCPT_PARAMETERS for item in parameters):
            return replies.UNKNOWN_PARAMETER
        try:
            return parse_mailbox(path)
        except ValueError:
            return replies.BAD_RECIPIENT

    async def _data(self, arg: str) -> str:
        if refusal := self._data_refusal(arg):
            return refusal
        reservation = self.event_handler.reserve()
        if reservation is None:
            return replies.TOO_BUSY
        with reservation:
            await self._send(replies.START_DATA)
            content = await self._read_data(reservation)
            transaction = self.envelope
            self._set_post_data_state()
            self._reset_timeout()  # what takes long from here on is ours
            if not isinstance(content, bytes):
                return content
            reply: str = await self.event_handler.message(self.session, transaction, content)
            return reply

    def _data_refusal(self, arg: str) -> str | None:
        if not self.session.host_name:
            return replies.HELO_FIRST
        if not self.envelope.recipients:
            return replies.NEED_RECIPIENT
        return replies.NO_PARAMETERS if arg else None

    async def _read_data(self, reservation: Reservation) -> bytes | str:
        """The message without dot-stuffing (RFC 5321 §4.5.2), or the reply that refuses it.

        Only CRLF.CRLF ends it, whatever comes before: the dialogue stays in step. A message that is
        too large, or too much for now, is read to its end without being kept.
        """
        # The line break that ended the DATA command makes a lone first dot an end as well.
        data = bytearray(b"\r\n")
        limit = self.data_size_limit or 0
        most = limit * 4 // 3 + len(END_OF_DATA)  # if every line is a dot, and has two
        refusal = None
        searched = 0
        while (end := data.find(END_OF_DATA, searched)) < 0:
            if refusal is None and len(data) > most:
                refusal = replies.TOO_LARGE
            if refusal is not None:
                del data[: -len(END_OF_DATA) + 1]
                reservation.give_back()
            searched = max(0, len(data) - len(END_OF_DATA) + 1)
            chunk = await self._receive(self._reader.read(READ_SIZE))
            self._reset_timeout()  # every byte of a message is a sign of life
            data += chunk
            if refusal is None and not reservation.grow(len(chunk)):
                refusal = replies.TOO_BUSY
        # What a pipelining client sent after the final dot is its next command (RFC 2920).
        self._push_back(data[end + len(END_OF_DATA) :])
        del data[end + 2 :]
        # Doubled dots are not counted (RFC 1870 §3).
        if refusal is None and len(data) - 2 - data.count(b"\r\n.") > limit:
            refusal = replies.TOO_LARGE
        if refusal is not None:
            return refusal
        breaks = data.count(b"\r\n")
        is_bare = data.count(b"\n") != breaks or data.count(b"\r") != breaks
        if b"\0" in data or (is_bare and not self._normalizes_newlines):
            return replies.BARE_NEWLINE
        content = bytes(memoryview(data.replace(b"\r\n.", b"\r\n"))[2:])
        # After the dots: one that follows a bare line break was never stuffed.
        return _BARE_NEWLINE.sub(b"\r\n", content) if is_bare else content


def _split_path(arg: str, keyword: str) -> tuple[str | None, list[str]]:
    """`FROM:<a@b> X=1` → (`a@b`, [`X=1`]); None for what is not a path at all."""
    if arg[: len(keyword)].upper() != keyword:
        return None, []
    match = _PATH.fullmatch(arg[len(keyword) :].lstrip(" "))
    if match is None:
        return None, []
    bracketed, bare, parameters = match.groups(default="")
    path = bracketed or bare
    # A source route is obsolete and ignored (RFC 5321 §4.1.2, Appendix C).
    if path.startswith("@") and ":" in path:
        path = path.partition(":")[2]
    return path, parameters.split()
