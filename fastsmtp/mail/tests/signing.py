"""Signs mail for the tests, with any tags, also those that no signer would write.

Canonical forms and the choice of fields are dkimpy's, so that ours have somebody to agree with.
"""

import base64
import hashlib
from functools import cache

import dkim
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

DOMAIN = "example.org"
NOW = 1_800_000_000
KEY_NAME = f"s1._domainkey.{DOMAIN}"
MAIL = (
    b"From: Ada <ada@example.org>\r\n"
    b"To: bob@example.net\r\n"
    b"Subject: Cogs\r\n and wheels \r\n"
    b"Date: Fri, 15 Jan 2027 08:00:00 +0000\r\n"
    b"Message-ID: <1@example.org>\r\n"
    b"\r\n"
    b"Dear Bob,\r\n\r\n it  turns. \t\r\n\r\n\r\n"
)

type PrivateKey = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
type PublicKey = rsa.RSAPublicKey | ed25519.Ed25519PublicKey


class Zone(dict[str, list[bytes]]):
    """Key records by name, as `verify` looks them up."""

    def __call__(self, name: str, rdtype: str) -> list[bytes]:
        assert rdtype == "TXT"
        return self.get(name, [])


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@cache
def ed25519_key() -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.generate()


def rsa_number(bits: int, *, exponent: int = 65537) -> rsa.RSAPublicKey:
    """A number of that size which looks like an RSA key."""
    return rsa.RSAPublicNumbers(exponent, (1 << bits) - 1).public_key()


def publish(key: PrivateKey | PublicKey | None = None, /, **tags: str | None) -> bytes:
    """A key record; a tag of None is left out."""
    public = key or rsa_key()
    if isinstance(public, rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey):
        public = public.public_key()
    is_rsa = isinstance(public, rsa.RSAPublicKey)
    data = (
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        if is_rsa
        else public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    )
    defaults = {"v": "DKIM1", "k": "rsa" if is_rsa else "ed25519"}
    return _join({**defaults, "p": base64.b64encode(data).decode(), **tags})


def sign(raw: bytes, key: PrivateKey | None = None, /, **tags: str | None) -> bytes:
    """The message with a signature on top that is valid; a tag of None is left out."""
    key = key or rsa_key()
    all_tags = {
        "v": "1",
        "a": "rsa-sha256" if isinstance(key, rsa.RSAPrivateKey) else "ed25519-sha256",
        "c": "relaxed/relaxed",
        "d": DOMAIN,
        "s": "s1",
        "h": "from:to:subject:date:message-id",
        **tags,
    }
    policy = dkim.CanonicalizationPolicy.from_c_value((all_tags["c"] or "simple").encode())
    headers, body = dkim.rfc822_parse(raw)
    body = policy.canonicalize_body(body)
    if (length := all_tags.get("l")) and length.isdigit():
        body = body[: int(length)]
    all_tags.setdefault("bh", base64.b64encode(hashlib.sha256(body).digest()).decode())
    names = [name.strip().lower().encode() for name in (all_tags["h"] or "").split(":")]
    field = (b"DKIM-Signature", b" " + _join(all_tags) + b"; b=")
    signed = dkim.select_headers(policy.canonicalize_headers(headers), names)
    (name, value) = policy.canonicalize_headers([field])[0]
    data = b"".join(n + b":" + v for n, v in signed) + name + b":" + value.rstrip()
    if isinstance(key, rsa.RSAPrivateKey):
        signature = key.sign(data, PKCS1v15(), SHA256())
    else:
        signature = key.sign(hashlib.sha256(data).digest())
    return b"%b:%b%b\r\n%b" % (*field, base64.b64encode(signature), raw)


def _join(tags: dict[str, str | None]) -> bytes:
    return "; ".join(
        f"{name}={value}" for name, value in tags.items() if value is not None
    ).encode()
