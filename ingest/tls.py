"""The TLS context of both ports."""

import ssl
from pathlib import Path


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """TLS 1.2 and later (RFC 8996). Raises ssl.SSLError for files that are not a pair."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # A service has no terminal to ask for the pass phrase of an encrypted key.
    context.load_cert_chain(certificate, key, password="")
    return context
