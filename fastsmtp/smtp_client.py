"""The other end of the line: sends one message to an SMTP server, as `send_test` and `demo` do."""

import re
import smtplib

TIMEOUT = 30.0  # seconds for every answer


class Refused(Exception):
    """The server said no; the text is its reply."""


def local_target(host: str) -> str:
    """Where to reach a server that listens on `host`: a wildcard is not an address to call."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)


def send(raw: bytes, *, mail_from: str, rcpt_to: str, host: str, port: int) -> str:
    """The server's reply to the message. Raises `Refused`, or OSError if it cannot be reached."""
    content = re.sub(rb"\r\n|\r|\n", b"\r\n", raw)
    try:
        with smtplib.SMTP(host, port, timeout=TIMEOUT) as smtp:
            smtp.ehlo()
            _expect_success(*smtp.mail(mail_from, _options(mail_from, rcpt_to)))
            _expect_success(*smtp.rcpt(rcpt_to))
            return _expect_success(*smtp.data(content))
    except smtplib.SMTPResponseException as error:
        raise Refused(_reply(error.smtp_code, error.smtp_error)) from None


def _options(*addresses: str) -> list[str]:
    """RFC 6531: an address beyond ASCII needs SMTPUTF8."""
    return [] if all(address.isascii() for address in addresses) else ["SMTPUTF8"]


def _expect_success(code: int, text: bytes) -> str:
    reply = _reply(code, text)
    if code >= 300:
        raise Refused(reply)
    return reply


def _reply(code: int, text: bytes | str) -> str:
    words = text.decode(errors="replace") if isinstance(text, bytes) else text
    return f"{code} {words}".replace("\n", " ")
