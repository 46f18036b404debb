"""A certificate that vouches for itself: enough to try out TLS, for nobody else to trust."""

import os
import tempfile
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from fastsmtp.mail.address import normalize_domain

# Apple's clients take no server certificate that is valid for longer, not even one that was
# trusted by hand.
VALIDITY = timedelta(days=825)
KEY_SIZE = 2048  # bits of RSA, which the oldest device with TLS 1.2 knows; not all know curves
MAX_COMMON_NAME = 64  # characters (RFC 5280, Appendix A.1)


class FolderInUse(Exception):
    """Somebody's files are in it; we leave them alone."""


class KeyPair(NamedTuple):
    """PEM files."""

    certificate: Path
    key: Path

    @classmethod
    def of(cls, folder: Path) -> Self:
        return cls(folder / "certificate.pem", folder / "key.pem")


def create(folder: Path, hostname: str) -> KeyPair:
    """Makes the folder and, in it, a pair for this name and for this machine's own addresses.

    There is either the whole pair or none. Raises FolderInUse when something is in the folder,
    OSError when it cannot be written, ValueError for a name that no certificate can hold.
    """
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_SIZE)
    certificate = _sign(key, hostname)
    if folder.exists() and any(folder.iterdir()):
        raise FolderInUse(folder)
    with tempfile.TemporaryDirectory(dir=folder.parent) as draft:
        pair = KeyPair.of(Path(draft))
        _write(pair.key, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        _write(pair.certificate, certificate.public_bytes(Encoding.PEM))
        os.rename(draft, folder)  # fails where there is a folder that is not empty
    return KeyPair.of(folder)


def _sign(key: rsa.RSAPrivateKey, hostname: str) -> x509.Certificate:
    common_name = _general_name(hostname).value
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, str(common_name)[:MAX_COMMON_NAME])])
    now = datetime.now(UTC)
    names = dict.fromkeys(map(_general_name, (hostname, "localhost", "127.0.0.1")))
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))  # for clocks that are late
        .not_valid_after(now + VALIDITY)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _general_name(host: str) -> x509.IPAddress | x509.DNSName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(normalize_domain(host))


def _write(path: Path, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
