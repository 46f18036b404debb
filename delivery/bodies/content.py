"""A stored message as receivers and rules see it."""

from dataclasses import replace

from fastsmtp.config import config
from fastsmtp.mail.authres import remove_forged
from fastsmtp.mail.message import ParsedMessage, parse


def read_mail(raw: bytes, authentication_results: str) -> ParsedMessage:
    """Its first field says what we verified, and none but that one bears our name: who believes
    a header that does believes us."""
    mail = parse(remove_forged(raw, config().our_hostname))
    if not authentication_results:
        return mail
    ours = ("Authentication-Results", authentication_results)
    return replace(mail, headers=(ours, *mail.headers))
