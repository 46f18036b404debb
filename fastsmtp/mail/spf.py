"""Sender Policy Framework (RFC 7208): may this client send mail for that domain?

A domain lists in a TXT record who sends for it (`v=spf1 mx include:_spf.example.net -all`). The
record is evaluated by pyspf. Around it stand guard rails: the DNS is a `lookup` that is passed in,
what the domain's owner wrote has limits before pyspf sees it, its known faults are mended, and
nothing ever raises. Explanations (`exp=`, §6.2) are not fetched: a stranger's text has no place in
our replies.
"""

import re
import string
import warnings
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from socket import AF_INET, AF_INET6, inet_pton
from typing import Any, Literal, cast

from fastsmtp.dns.answers import Lookup, TemporaryDNSError, split_name
from fastsmtp.dns.replay import Missing
from fastsmtp.mail.address import normalize_domain

with warnings.catch_warnings():
    # Of an escape in a docstring, each time that Python compiles it anew.
    warnings.simplefilter("ignore", SyntaxWarning)
    import spf

type Result = Literal["none", "neutral", "pass", "fail", "softfail", "temperror", "permerror"]

# The time pyspf takes grows with the square of these. Real records have under 4,000 octets, and a
# name that a term could spell has at most 253.
MAX_RECORD_LENGTH = 8192
MAX_TERM_LENGTH = 512
# Of all records of one evaluation. Each takes some µs, and each lookup lets it begin anew.
MAX_TERMS = 1000
MAX_REASON_LENGTH = 200

# §7.1, with the transformers in full: pyspf skips over what it cannot read.
_MACRO = re.compile(r"%(?:[%_-]|\{[slodiphcrtv](?:[1-9]\d{0,2})?r?[-.+,/_=]*\})", re.IGNORECASE)
# §7.2: all that an evaluation can see of a sender beside the domain.
_SENDER_MACRO = re.compile(r"%\{[slh]", re.IGNORECASE)
# §7.1: a domain-spec ends in a macro or in a label that is not all digits.
_DOMAIN_END = re.compile(
    rf"(?:.*{_MACRO.pattern}|.*\.(?=\d*[a-z-])[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.?)",
    re.IGNORECASE | re.DOTALL,
)
# §4.6.1: modifier names are case-insensitive; pyspf knows only the lower-case ones.
_MODIFIER = re.compile(r"(?<= )(?:redirect|exp)=", re.IGNORECASE)
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
    query = _Query(
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


class _Query(spf.query):
    """pyspf's evaluation with its DNS and its faults replaced."""

    def __init__(
        self, *, client: str, local_part: str, domain: str, helo: str, lookup: Lookup
    ) -> None:
        super().__init__(i=client, s=f"{local_part}@{domain}", h=helo)
        # pyspf splits at the first @, which may be in a quoted local part.
        self.l, self.o, self.d = local_part, domain, domain
        self._lookup = lookup
        self._term_count = 0
        self.has_sender_macro = False

    def dns(
        self, name: str, qtype: str, cnames: object = None, ignore_void: bool = False
    ) -> list[Any]:
        if split_name(name) is None:
            return []
        try:
            records = self._lookup(name.removesuffix(".").lower(), qtype).records
        except TemporaryDNSError:
            raise spf.TempError(f"the lookup of {name} {qtype} failed") from None
        if not records and not ignore_void:
            self.void_lookups += 1
            if self.void_lookups > spf.MAX_VOID_LOOKUPS:
                raise spf.PermError("too many lookups without an answer")
        # pyspf joins the strings of a TXT record itself.
        return [(record,) for record in records] if qtype == "TXT" else list(records)

    def dns_spf(self, domain: str) -> str | None:
        record = super().dns_spf(domain)
        if record is None:
            return None
        terms = record.split(" ")
        if len(record) > MAX_RECORD_LENGTH or max(map(len, terms)) > MAX_TERM_LENGTH:
            raise spf.PermError("the policy is too long")
        self._term_count += len(terms)
        if self._term_count > MAX_TERMS:
            raise spf.PermError(f"the policy and those it includes have over {MAX_TERMS} terms")
        return _MODIFIER.sub(lambda match: match[0].lower(), record)

    def get_explanation(self, spec: str) -> None:
        return None

    def expand_domain(self, arg: str) -> str:
        if not _DOMAIN_END.fullmatch(arg):
            raise spf.PermError("a term names no valid domain", arg)
        return self.expand(arg)

    def expand(self, s: str, stripdot: bool = True) -> str:
        # Up to the first of them the evaluation went as it would for anybody else.
        self.has_sender_macro |= bool(_SENDER_MACRO.search(s))
        if "%" in _MACRO.sub("", s):
            raise spf.PermError("a term has an invalid macro", s)
        expanded: str = super().expand(s, stripdot)
        # §7.3: labels are dropped from the left, as many as it takes; pyspf drops one.
        while len(expanded) > 253 and "." in expanded:
            expanded = expanded.partition(".")[2]
        return expanded

    def dns_mx(self, domainname: str) -> list[str]:
        servers = self.dns(domainname, "MX", ignore_void=True)
        if len(servers) <= spf.MAX_MX:
            self._ask_at_once([host for _, host in servers])
        addresses: list[str] = super().dns_mx(domainname)
        return addresses

    def _ask_at_once(self, names: list[str]) -> None:
        """Whatever is missing lets the check begin anew: once for all instead of for each."""
        for name in names:
            with suppress(Missing, spf.TempError):
                self.dns(name, self.A, ignore_void=True)

    def validated_ptrs(self) -> list[str]:
        """§5.5: a lookup that fails only makes that name, or all of them, not match."""
        try:
            names = self.dns_ptr(self.i)[: spf.MAX_PTR]
        except spf.TempError:
            return []
        self._ask_at_once(names)
        return [name for name in names if self._is_address_of(name)]

    def _is_address_of(self, name: str) -> bool:
        try:
            return self.cidrmatch(self.dns_a(name, self.A), self.cidrmax)
        except spf.TempError:
            return False

    def cidrmatch(self, ipaddrs: list[str], n: int) -> bool:
        # Ten `mx` of ten hosts with hundreds of addresses: objects would take too long.
        family = AF_INET6 if self.v == "ip6" else AF_INET
        shift = self.cidrmax - n
        client = int(self.ipaddr) >> shift
        return any(int.from_bytes(inet_pton(family, ip)) >> shift == client for ip in ipaddrs)


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
