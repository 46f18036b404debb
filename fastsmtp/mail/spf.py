"""Sender Policy Framework (RFC 7208): may this client send mail for that domain?

A domain lists in a TXT record who sends for it (`v=spf1 mx include:_spf.example.net -all`). The
record is evaluated by pyspf. Around it stand guard rails (`spf_evaluation`): the DNS is a `lookup`
that is passed in, what the domain's owner wrote has limits before pyspf sees it, its known faults
are mended, and nothing ever raises. Explanations (`exp=`, §6.2) are not fetched: a stranger's text
has no place in our replies.
"""

import string
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Literal, cast

from fastsmtp.dns.answers import Lookup, split_name
from fastsmtp.mail.address import normalize_domain
from fastsmtp.mail.spf_evaluation import Evaluation

type Result = Literal["none", "neutral", "pass", "fail", "softfail", "temperror", "permerror"]

MAX_REASON_LENGTH = 200

_PLAIN = frozenset(string.ascii_letters + string.digits + " .:/_-+=~?@,'%{}[]<>")


@dataclass(frozen=True)
class SPFResult:
    """`result` in the words of RFC 8601 §2.7.2. `domain` is the one that was asked: that of the
    reverse-path, or the HELO's if that is empty (§2.4). `reason` is one line of plain ASCII.

    Unless it `has_sender_macro`, the result is the same for all senders of the domain.
    """

    result: Result
    domain: str
    reason: str
    has_sender_macro: bool = False


def split_sender(*, mail_from: str, helo: str) -> tuple[str, str]:
    """The local part, and the domain that is asked (§2.4)."""
    if not mail_from:
        return "", helo
    local_part, _, domain = mail_from.rpartition("@")
    return local_part, domain


def check(*, ip: str, mail_from: str, helo: str, lookup: Lookup) -> SPFResult:
    """check_host() of RFC 7208 §4 for a client at `ip`. Never raises an Exception.

    `mail_from` is the reverse-path without angle brackets, `""` if it is empty.
    """
    local_part, domain = split_sender(mail_from=mail_from, helo=helo)
    domain = _to_a_labels(domain)
    client = _parse_client(ip)
    if client is None:
        return SPFResult("none", domain, "the client has no IP address")
    if not _is_checkable(domain):
        # §4.3: malformed, an address literal, or a single label.
        return SPFResult("none", domain, "there is no domain name to ask for a policy")
    query = Evaluation(
        client=client,
        local_part=local_part or "postmaster",
        domain=domain,
        helo=_to_a_labels(helo),
        lookup=lookup,
    )
    try:
        result, _, _ = query.check()
    except Exception:
        # pyspf meets its own bugs on odd records; then the record is the error (§2.6.7).
        reason = "the policy cannot be evaluated"
        return SPFResult("permerror", domain, reason, query.has_sender_macro)
    sentence = _SENTENCES.get(result)
    # For temperror and permerror pyspf notes what it stumbled over.
    reason = sentence.format(ip=client, domain=domain) if sentence else query.prob
    return SPFResult(cast(Result, result), domain, _clean(reason), query.has_sender_macro)


_SENTENCES = {
    "none": "{domain} has no SPF policy",
    "neutral": "{domain} does not say whether {ip} may send for it",
    "pass": "{domain} permits {ip} to send for it",
    "fail": "{domain} does not permit {ip} to send for it",
    "softfail": "{domain} probably does not permit {ip} to send for it",
}


def _parse_client(ip: str) -> str | None:
    """The address as text; an IPv4 client of an IPv6 socket is an IPv4 client (§5)."""
    try:
        address = ip_address(ip.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(address)


def _to_a_labels(domain: str) -> str:
    """§4.3. Names that only the DNS allows, like those with underscores, stay as they are."""
    domain = domain.removesuffix(".")
    if domain.isascii():
        return domain
    try:
        return normalize_domain(domain)
    except ValueError:
        return domain


def _is_checkable(domain: str) -> bool:
    labels = split_name(domain)
    return labels is not None and len(labels) > 1 and not domain.startswith("[")


def _clean(text: str) -> str:
    """A domain's owner chooses most of it, and it gets into log lines and header comments."""
    return "".join(char if char in _PLAIN else "?" for char in text)[:MAX_REASON_LENGTH]
