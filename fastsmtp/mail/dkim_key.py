"""The key record of DKIM (RFC 6376 §3.6.1, RFC 8463 §4) and the arithmetic with its key."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from fastsmtp.mail.dkim_tags import Problem, Tags, decode_base64, parse_tags, split_list

MIN_RSA_BITS = 1024  # RFC 8301 §3.2
MAX_RSA_BITS = 4096
MAX_RSA_EXPONENT_BITS = 64  # nearly all have 17; what a longer one costs, the receiver pays

_PREHASHED = Prehashed(SHA256())


@dataclass(frozen=True, slots=True)
class Key:
    """A public key as its domain published it.

    `is_testing`: mail is to be treated as if it were not signed (t=y). `is_strict`: i= must name
    the domain itself, not a subdomain (t=s).
    """

    public: RSAPublicKey | Ed25519PublicKey
    is_testing: bool = False
    is_strict: bool = False

    @property
    def bits(self) -> int:
        return self.public.key_size if isinstance(self.public, RSAPublicKey) else 256

    @property
    def problem(self) -> Problem | None:
        """Why nothing is computed with this key."""
        if not isinstance(self.public, RSAPublicKey):
            return None
        if self.bits < MIN_RSA_BITS:
            return Problem("permerror", f"an RSA key of {self.bits} bits proves nothing")
        exponent_bits = self.public.public_numbers().e.bit_length()
        if self.bits > MAX_RSA_BITS or exponent_bits > MAX_RSA_EXPONENT_BITS:
            return Problem("permerror", f"the RSA key of {self.bits} bits is too costly")
        return None

    def is_signature(self, signature: bytes, digest: bytes) -> bool:
        """Whether this key signed the SHA-256 digest."""
        try:
            if isinstance(self.public, RSAPublicKey):
                self.public.verify(signature, digest, PKCS1v15(), _PREHASHED)
            else:
                self.public.verify(signature, digest)
        except (InvalidSignature, ValueError):
            return False
        return True


def read_key(records: Sequence[bytes], algorithm: str) -> Key:
    """The key for `rsa-sha256` or `ed25519-sha256` in the TXT records of its name.

    Records that are no key at all (a wildcard's SPF record) are passed over. Raises Problem.
    """
    if not records:
        raise Problem("permerror", "there is no key record")
    keys = {}
    for record in records:
        try:
            tags = parse_tags(record)
        except Problem:
            continue
        if b"p" in tags and tags.get(b"v", b"DKIM1") == b"DKIM1":
            keys[record] = tags
    if not keys:
        raise Problem("permerror", "the key record is malformed")
    if len(keys) > 1:
        raise Problem("permerror", "there are several key records")  # §3.6.2.2: undefined
    return _read_record(keys.popitem()[1], algorithm)


def _read_record(tags: Tags, algorithm: str) -> Key:
    kind, _, hash_name = algorithm.encode().partition(b"-")
    if not tags[b"p"]:
        raise Problem("permerror", "the key is revoked")
    if tags.get(b"k", b"rsa").lower() != kind:
        raise Problem("permerror", "the key is for another algorithm")
    if b"h" in tags and hash_name not in split_list(tags[b"h"]):
        raise Problem("permerror", "the key does not allow SHA-256")
    if b"s" in tags and not {b"*", b"email"} & set(split_list(tags[b"s"])):
        raise Problem("permerror", "the key is not for mail")
    flags = split_list(tags.get(b"t", b""))
    try:
        public = _load(kind, decode_base64(tags[b"p"]))
    except (ValueError, UnsupportedAlgorithm):
        raise Problem("permerror", "the key cannot be read") from None
    return Key(public, is_testing=b"y" in flags, is_strict=b"s" in flags)


@lru_cache(maxsize=256)
def _load(kind: bytes, data: bytes) -> RSAPublicKey | Ed25519PublicKey:
    """Kept: OpenSSL prepares a key when it is first used, which costs as much as to verify."""
    if kind == b"ed25519":
        return Ed25519PublicKey.from_public_bytes(data)
    key = load_der_public_key(data)  # also takes a bare RSAPublicKey, the letter of §3.6.1
    if not isinstance(key, RSAPublicKey):
        raise ValueError
    return key
