"""The relay that takes mail of our own, written as a URL: `smtp://user:password@host:587`."""

import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Self
from urllib.parse import unquote, urlsplit

TIMEOUT = 15.0  # seconds for every answer
_PORTS = {"smtp": 587, "smtps": 465}  # RFC 6409, RFC 8314

NULL_SENDER = ""  # RFC 5321 §4.5.5: nobody answers, and no bounce comes back


class NotTaken(Exception):
    """The relay did not take the mail; the text says why, in one line."""


@dataclass(frozen=True, kw_only=True)
class MailRelay:
    """`smtps` is TLS from the first byte. With `smtp`, TLS is used where the relay offers it; a
    password is only ever sent over TLS with a certificate that is trusted."""

    host: str
    port: int
    is_tls: bool
    user: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def parse(cls, url: str) -> Self:
        """Raises ValueError with a sentence that never repeats the password."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise ValueError("is not a URL of a mail relay") from None
        if parts.scheme not in _PORTS:
            raise ValueError("must begin with smtp:// or smtps://")
        if not parts.hostname or parts.path not in ("", "/") or parts.query or parts.fragment:
            raise ValueError("must be like smtp://user:password@host:587")
        if bool(parts.username) != bool(parts.password):
            raise ValueError("a user and a password must be given together")
        return cls(
            host=parts.hostname,
            port=port or _PORTS[parts.scheme],
            is_tls=parts.scheme == "smtps",
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
        )

    def send(self, message: EmailMessage, *, to: str) -> None:
        """With the null sender. Blocks; raises NotTaken."""
        try:
            with self._connect() as smtp:
                smtp.send_message(message, from_addr=NULL_SENDER, to_addrs=[to])
        except smtplib.SMTPRecipientsRefused as error:
            raise NotTaken(_reply(*error.recipients[to])) from None
        except smtplib.SMTPResponseException as error:
            raise NotTaken(_reply(error.smtp_code, error.smtp_error)) from None
        except ssl.SSLCertVerificationError as error:
            raise NotTaken(f"TLS with {self.host} failed: {error.verify_message}") from None
        except OSError as error:  # smtplib's other exceptions are OSErrors
            raise NotTaken(f"{self.host}: {error.strerror or error}") from None

    def _connect(self) -> smtplib.SMTP:
        if self.is_tls:
            connect: Callable[..., smtplib.SMTP] = smtplib.SMTP_SSL
            options = {"context": self._trust()}
        else:
            connect, options = smtplib.SMTP, {}
        smtp = connect(self.host, self.port, timeout=TIMEOUT, **options)
        try:
            self._prepare(smtp)
        except BaseException:
            smtp.close()
            raise
        return smtp

    def _prepare(self, smtp: smtplib.SMTP) -> None:
        smtp.ehlo()
        is_encrypted = self.is_tls
        if not self.is_tls and smtp.has_extn("starttls"):
            smtp.starttls(context=self._trust())
            smtp.ehlo()
            is_encrypted = True
        if not self.user:
            return
        if not is_encrypted:
            raise smtplib.SMTPException(
                "no STARTTLS is offered, and a password is not sent in clear"
            )
        smtp.login(self.user, self.password)

    def _trust(self) -> ssl.SSLContext:
        """Without a password there is nothing to protect from a relay that is another: as between
        mail servers (RFC 7435), any certificate is better than none."""
        context = ssl.create_default_context()
        if not self.user and not self.is_tls:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def _reply(code: int, text: bytes | str) -> str:
    words = text.decode(errors="replace") if isinstance(text, bytes) else text
    return " ".join(f"{code} {words}".split())
