"""pyspf's evaluation of a policy (RFC 7208 §4.6), with its DNS and its faults replaced."""

import re
import warnings
from contextlib import suppress
from socket import AF_INET, AF_INET6, inet_pton
from typing import Any

from fastsmtp.dns.answers import Lookup, TemporaryDNSError, split_name
from fastsmtp.dns.replay import Missing

with warnings.catch_warnings():
    # Of an escape in a docstring, each time that Python compiles it anew.
    warnings.simplefilter("ignore", SyntaxWarning)
    import spf

# The time pyspf takes grows with the square of these. Real records have under 4,000 octets, and a
# name that a term could spell has at most 253.
MAX_RECORD_LENGTH = 8192
MAX_TERM_LENGTH = 512
# Of all records of one evaluation. Each takes some µs, and each lookup lets it begin anew.
MAX_TERMS = 1000

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


class Evaluation(spf.query):
    """Of one client and sender, by `check`, which may raise anything on odd records."""

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
