"""The DKIM-Signature field (RFC 6376 §3.5): what it claims, and whether that can be verified."""

import re
from dataclasses import dataclass, field

from fastsmtp.mail.address import MAX_DOMAIN_LENGTH, normalize_domain
from fastsmtp.mail.dkim_tags import Problem, Tags, decode_base64, parse_tags, split_list

# Clocks of senders differ; x= and t= may be off by this many seconds.
CLOCK_SKEW = 3600

_ALGORITHMS = ("rsa-sha256", "ed25519-sha256")  # RFC 8301 §3.1, RFC 8463 §3
_CANONICALIZATIONS = {b"simple": False, b"relaxed": True}
_REQUIRED = (b"v", b"a", b"b", b"bh", b"d", b"h", b"s")
_TOKEN = re.compile(rb"[A-Za-z0-9-]{1,32}")
_SELECTOR = re.compile(rb"[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*")
_NUMBER = re.compile(rb"[0-9]{1,76}")


@dataclass(slots=True)
class Claim:
    """One DKIM-Signature field. With a `problem`, what stands behind it is not filled in.

    `algorithm`, `domain` (in A-labels) and `selector` are '' where the field has nothing well
    formed; they are safe to show. `length` is l= in octets.
    """

    whole_field: bytes
    problem: Problem | None = None
    algorithm: str = ""
    domain: str = ""
    selector: str = ""
    identity_domain: str = ""
    signature: bytes = b""
    body_hash: bytes = b""
    signed_names: list[bytes] = field(default_factory=list)
    has_relaxed_header: bool = False
    has_relaxed_body: bool = False
    length: int | None = None

    @property
    def key_name(self) -> str:
        """Where the key is in the DNS, without the final dot."""
        return f"{self.selector}._domainkey.{self.domain}"


def read_claim(whole_field: bytes, *, now: float) -> Claim:
    """Reads and checks a field as far as that is possible without its key. Never raises.

    `now` is in seconds since the epoch.
    """
    claim = Claim(whole_field)
    try:
        tags = parse_tags(whole_field.partition(b":")[2])
        _read_signer(claim, tags)
        _read_signature(claim, tags)
        _check_times(tags, now)
    except Problem as problem:
        claim.problem = problem
    return claim


def _read_signer(claim: Claim, tags: Tags) -> None:
    if _TOKEN.fullmatch(tags.get(b"a", b"")):
        claim.algorithm = tags[b"a"].decode().lower()
    for name in _REQUIRED:
        if name not in tags:
            raise Problem("permerror", f"the tag {name.decode()}= is missing")
    claim.domain = _read_domain("d", tags[b"d"])
    if len(tags[b"s"]) <= MAX_DOMAIN_LENGTH and _SELECTOR.fullmatch(tags[b"s"]):
        claim.selector = tags[b"s"].decode().lower()
    else:
        claim.selector = _read_domain("s", tags[b"s"])  # U-labels: RFC 8616 §5
    if len(claim.key_name) > MAX_DOMAIN_LENGTH:
        raise Problem("permerror", "the name of the key is too long")
    claim.identity_domain = claim.domain
    if b"i" in tags:
        claim.identity_domain = _read_domain("i", tags[b"i"].rpartition(b"@")[2])
    if not f".{claim.identity_domain}".endswith(f".{claim.domain}"):
        raise Problem("permerror", "i= is not within d=")


def _read_signature(claim: Claim, tags: Tags) -> None:
    if tags[b"v"] != b"1":
        raise Problem("permerror", "the version is unknown")
    if claim.algorithm == "rsa-sha1":
        raise Problem("permerror", "SHA-1 proves nothing any more")  # RFC 8301 §3.1
    if claim.algorithm not in _ALGORITHMS:
        raise Problem("permerror", "the algorithm is unknown")
    if b"dns/txt" not in split_list(tags.get(b"q", b"dns/txt")):
        raise Problem("permerror", "the query method is unknown")
    header, _, body = tags.get(b"c", b"simple").lower().partition(b"/")
    try:
        claim.has_relaxed_header = _CANONICALIZATIONS[header]
        claim.has_relaxed_body = _CANONICALIZATIONS[body or b"simple"]
    except KeyError:
        raise Problem("permerror", "the canonicalization is unknown") from None
    try:
        claim.signature = decode_base64(tags[b"b"])
        claim.body_hash = decode_base64(tags[b"bh"])
    except ValueError:
        raise Problem("permerror", "the signature is not base64") from None
    claim.length = _read_number(tags, "l")
    claim.signed_names = split_list(tags[b"h"])
    if b"from" not in claim.signed_names:
        raise Problem("permerror", "From is not signed")


def _check_times(tags: Tags, now: float) -> None:
    """§3.5 leaves both to the verifier, hence `policy`; only x= before t= is an error."""
    signed_at, expires_at = _read_number(tags, "t"), _read_number(tags, "x")
    if signed_at is not None and expires_at is not None and expires_at <= signed_at:
        raise Problem("permerror", "the signature expires before it was made")
    if expires_at is not None and expires_at + CLOCK_SKEW < now:
        raise Problem("policy", "the signature has expired")
    if signed_at is not None and signed_at - CLOCK_SKEW > now:
        raise Problem("policy", "the signature was made in the future")


def _read_domain(tag: str, value: bytes) -> str:
    try:
        return normalize_domain(value.decode())
    except ValueError:
        raise Problem("permerror", f"{tag}= is not a domain name") from None


def _read_number(tags: Tags, tag: str) -> int | None:
    value = tags.get(tag.encode())
    if value is None:
        return None
    if not _NUMBER.fullmatch(value):
        raise Problem("permerror", f"{tag}= is not a number")
    return int(value)
