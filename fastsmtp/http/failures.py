"""aiohttp's exceptions, in our words."""

import re
import ssl

import aiohttp

from fastsmtp.http.answers import Unreachable


def explain(error: aiohttp.ClientError, *, host: str) -> Unreachable:
    """What went wrong on the way to `host`."""
    cause = error.__cause__
    match error:
        case aiohttp.ClientConnectorDNSError():
            return Unreachable(f"{host} does not resolve: {_os_reason(error.os_error)}", "dns")
        case aiohttp.ConnectionTimeoutError():
            return Unreachable(f"{host} did not take the connection in time", "connect")
        case _ if isinstance(cause, ssl.SSLError):
            return Unreachable(f"TLS with {host} failed: {_tls_reason(cause)}", "tls")
        case aiohttp.ClientConnectorError():
            return Unreachable(f"cannot connect to {host}: {_os_reason(error.os_error)}", "connect")
        case aiohttp.ClientConnectionError() | aiohttp.ClientPayloadError():
            return Unreachable(f"{host} broke the connection off", "reset")
        case _:
            return Unreachable(
                f"{host} did not answer in HTTP: {_protocol_reason(error)}", "protocol"
            )


def _os_reason(error: OSError) -> str:
    """One that stands for several, of as many addresses, has only its text."""
    return error.strerror or str(error)


def _protocol_reason(error: aiohttp.ClientError) -> str:
    """Without the URL and the bytes of the answer, which aiohttp adds: both may hold a secret."""
    if isinstance(error, aiohttp.ClientResponseError):
        return re.split("[:\n]", error.message, maxsplit=1)[0]
    return type(error).__name__


def _tls_reason(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    return error.reason or str(error)
