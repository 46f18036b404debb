"""Signs the mail of a load with DKIM.

The fields that are different in every mail, Message-ID and X-Load-Id, are not signed. So a mail is
signed once for each recipient before the load begins, and the verifier still has all its work with
every copy. A signature makes a mail about 600 bytes longer.
"""

from pathlib import Path
from typing import cast

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from fastsmtp.mail.tests import signing

KEY_BITS = 2048
SELECTOR = "bench"
SIGNED_FIELDS = (
    "from:to:reply-to:subject:date:in-reply-to:references:list-unsubscribe:mime-version"
    ":content-type:content-transfer-encoding"
)


def make_key(folder: Path) -> Path:
    """An RSA key for the processes of a benchmark to share, PEM."""
    path = folder / "signing.pem"
    key = rsa.generate_private_key(65537, KEY_BITS)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path


def sign(raw: bytes, *, key: Path, domain: str) -> bytes:
    return signing.sign(raw, _read(key), d=domain, s=SELECTOR, h=SIGNED_FIELDS)


def make_record(key: Path) -> bytes:
    """What stands in the DNS about the key (RFC 6376 §3.6.1)."""
    return signing.publish(_read(key))


def _read(path: Path) -> rsa.RSAPrivateKey:
    return cast(rsa.RSAPrivateKey, load_pem_private_key(path.read_bytes(), None))
