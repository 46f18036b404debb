"""The public keys of DKIM, from the DNS (RFC 6376 §3.6.2)."""

from collections.abc import Sequence
from functools import partial

from fastsmtp.dns import Lookup, Missing, Resolver, TemporaryDNSError, with_answers
from fastsmtp.mail import dkim

type Keys = dict[str, Sequence[bytes] | dkim.TemporaryLookupError]


async def fetch_keys(
    resolver: Resolver,
    verification: dkim.Verification,
    *,
    timeout: float,  # noqa: ASYNC109
) -> dkim.Lookup:
    """What `verification` has to know of the DNS, all names at once. Raises TimeoutError."""
    keys = await with_answers(
        resolver, partial(_find_keys, verification.key_names), timeout=timeout
    )

    def look_up(name: str, _: str) -> Sequence[bytes]:
        key = keys[name]
        if isinstance(key, dkim.TemporaryLookupError):
            raise key
        return key

    return look_up


def _find_keys(names: Sequence[str], lookup: Lookup) -> Keys:
    keys: Keys = {}
    for name in names:
        try:
            keys[name] = lookup(name, "TXT").records
        except Missing:
            continue  # the run does not count, but the others are asked for at the same time
        except TemporaryDNSError as error:
            keys[name] = dkim.TemporaryLookupError(str(error))
    return keys
