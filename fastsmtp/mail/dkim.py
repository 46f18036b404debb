"""DomainKeys Identified Mail: which domains vouch for a message (RFC 6376, RFC 8301, RFC 8463).

A signature names a domain (d=) and a selector (s=); the public key is a TXT record at
`<selector>._domainkey.<domain>`. It covers a list of header fields (h=) and the body.

dkimpy reads the tag lists; its `verify` is not used. It splits the header in another way than the
rest of FastSMTP, so that somebody could be shown a field that nobody signed. It hides the
difference between a broken signature, a missing key and a dead DNS, raises on malformed mail,
computes with keys of any size and needs quadratic time for a line of spaces. Walls around all of
that were longer than the verification itself. The arithmetic is done by `cryptography`, which
knows Ed25519 as well; dkimpy would need PyNaCl. In the tests dkimpy is the one who signs.

What a signature that verifies is still not allowed to do is in `_find_limit`.
"""

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fastsmtp.mail.address import normalize_domain
from fastsmtp.mail.canonical import SignedMessage
from fastsmtp.mail.dkim_claim import Claim, read_claim
from fastsmtp.mail.dkim_key import Key, read_key
from fastsmtp.mail.dkim_tags import Problem, Result

MAX_SIGNATURES = 10

# RFC 5322 §3.6 allows one of each, and programs differ in which of two they show (§8.15).
_SINGLE_FIELDS = (
    b"from", b"sender", b"reply-to", b"to", b"cc", b"subject", b"date", b"message-id",
    b"content-type",
)  # fmt: skip

# The best first. A temporary error stands before a failure: with the key it might have passed. So
# do a signature that is valid but leaves room, and one of a domain that is only testing: a mail is
# refused for a failure only where nothing better is said of it.
_PREFERENCE: tuple[Result, ...] = (
    "pass", "temperror", "policy", "neutral", "fail", "permerror", "none",
)  # fmt: skip

type Lookup = Callable[[str, str], Sequence[bytes]]


class TemporaryLookupError(Exception):
    """What `lookup` raises, or a subclass of it, when the DNS did not say yes or no."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What became of one signature, in the words of RFC 8601 §2.7.1.

    `domain` is d= in A-labels; it and `selector` and `algorithm` are '' where the field had
    nothing well-formed. `key_bits` is 0 as long as no key was read. `reason` is a short sentence
    of our own, '' for a plain pass.
    """

    result: Result
    domain: str = ""
    selector: str = ""
    algorithm: str = ""
    key_bits: int = 0
    reason: str = ""


class Verification:
    """Of the first `MAX_SIGNATURES` signatures of a message, from top to bottom.

    `raw` has CRLF at the end of its lines; `now` is in seconds since the epoch. Whatever the
    message, nothing is raised, and the time is linear in its length.
    """

    def __init__(self, raw: bytes, *, now: float | None = None) -> None:
        self._message = SignedMessage(raw)
        self._claims = _read_claims(self._message, now)

    @property
    def key_names(self) -> list[str]:
        """What `verify` will look up, each name once: to ask for all of them at a time."""
        claims = [claim for claim in self._claims if not claim.problem]
        return list(dict.fromkeys(claim.key_name for claim in claims))

    def verify(self, lookup: Lookup) -> list[Signature]:
        """`lookup(name, "TXT")` gives the records of a name without a final dot, none if there is
        no such name, or raises TemporaryLookupError; any other exception of its own passes
        through. All keys are looked up before anything is hashed.
        """
        keys = [_find_key(claim, lookup) for claim in self._claims]
        return [
            _verify_one(self._message, claim, key)
            for claim, key in zip(self._claims, keys, strict=True)
        ]


def verify(raw: bytes, lookup: Lookup, *, now: float | None = None) -> list[Signature]:
    """The whole of it, for who has the keys at hand."""
    return Verification(raw, now=now).verify(lookup)


def choose(signatures: Sequence[Signature], from_domain: str) -> Signature:
    """The one result to show: a pass of the author's own domain, any pass, or what is worst.

    A domain is the author's own if it is that of From, or one of the two lies within the other.
    """
    return min(
        signatures,
        key=lambda signature: (
            _PREFERENCE.index(signature.result),
            not is_aligned(signature.domain, from_domain),
        ),
        default=Signature(result="none"),
    )


def is_aligned(domain: str, from_domain: str) -> bool:
    """Equal, or one is a subdomain of the other. (DMARC also asks for the public suffix.)

    `from_domain` is the domain of an address in From as it stands there.
    """
    try:
        one, other = f".{domain}", f".{normalize_domain(from_domain)}"
    except ValueError:
        return False
    return bool(domain) and (one.endswith(other) or other.endswith(one))


def _read_claims(message: SignedMessage, now: float | None) -> list[Claim]:
    now = time.time() if now is None else now
    fields = message.fields.get(b"dkim-signature", [])[:MAX_SIGNATURES]
    claims = [read_claim(field, now=now) for field in fields]
    for claim in claims:
        if message.is_malformed:
            claim.problem = Problem("permerror", "the header of the message is malformed")
        elif b"from" not in message.fields:
            claim.problem = Problem("permerror", "the message has no From")
    return claims


def _find_key(claim: Claim, lookup: Lookup) -> Key | Problem:
    if claim.problem:
        return claim.problem
    try:
        return read_key(lookup(claim.key_name, "TXT"), claim.algorithm)
    except TemporaryLookupError:
        return Problem("temperror", "the DNS gave no answer about the key")
    except Problem as problem:
        return problem


def _verify_one(message: SignedMessage, claim: Claim, key: Key | Problem) -> Signature:
    problem = key if isinstance(key, Problem) else _find_problem(message, claim, key)
    return Signature(
        result=problem.result if problem else "pass",
        domain=claim.domain,
        selector=claim.selector,
        algorithm=claim.algorithm,
        key_bits=0 if isinstance(key, Problem) else key.bits,
        reason=problem.reason if problem else "",
    )


def _find_problem(message: SignedMessage, claim: Claim, key: Key) -> Problem | None:
    if key.problem:
        return key.problem
    if key.is_strict and claim.identity_domain != claim.domain:
        return Problem("permerror", "the key is not for subdomains")
    if key.is_testing:  # §3.6.1: no different from mail without a signature, valid or not
        return Problem("neutral", "the domain is only testing DKIM")
    return _find_failure(message, claim, key) or _find_limit(message, claim)


def _find_failure(message: SignedMessage, claim: Claim, key: Key) -> Problem | None:
    body = message.body(is_relaxed=claim.has_relaxed_body)
    if claim.length is not None and claim.length > len(body):
        return Problem("permerror", "l= is longer than the body")  # §3.5
    signed_body = body if claim.length is None else memoryview(body)[: claim.length]
    if hashlib.sha256(signed_body).digest() != claim.body_hash:
        return Problem("fail", "the body is not what was signed")
    digest = message.hash_header(
        claim.signed_names, claim.whole_field, is_relaxed=claim.has_relaxed_header
    )
    if not key.is_signature(claim.signature, digest):
        return Problem("fail", "the header or the key is not what was signed")
    return None


def _find_limit(message: SignedMessage, claim: Claim) -> Problem | None:
    """Why a valid signature is still no pass: it leaves room for something that nobody signed.

    RFC 8601 calls this `policy`: signed and verified, but not acceptable to the receiver.
    """
    body = message.body(is_relaxed=claim.has_relaxed_body)
    if claim.length is not None and claim.length < len(body):
        return Problem(
            "policy", f"only {claim.length} of {len(body)} octets of the body are signed"
        )
    signed = Counter(claim.signed_names)
    for name in _SINGLE_FIELDS:
        count = len(message.fields.get(name, ()))
        if count > 1 and (name == b"from" or 0 < signed[name] < count):
            return Problem("policy", f"there are {count} fields named {name.decode()}")
    return None
