"""What a raw message does not say of itself, in headers of the call.

Servers take 8 KB of headers and more, some of them all together: these stay below 5 KB, since the
recipient's own and the URL come on top. What is cut is named in `fastsmtp-truncated`.
"""

from urllib.parse import quote, unquote_to_bytes

from delivery.jobs import Job

MAX_VALUE = 1024  # bytes of one value
MAX_TAGS = 2048  # bytes of all tags

_SAFE = "!#$&'*+-./=?@^_`{|}~:,"


def describe(job: Job) -> dict[str, str]:
    """Percent-encoded where it is not visible ASCII."""
    facts = {
        "recipient": job.recipient_address,
        "envelope-from": job.mail_from,
        "client-ip": job.client_ip,
        "dkim": job.dkim_result,
        "spf": job.spf_result,
        "tags": ",".join(job.tags),
    }
    encoded = {name: quote(value, safe=_SAFE) for name, value in facts.items()}
    shown = {name: _cut(value, MAX_VALUE) for name, value in encoded.items()}
    shown["tags"] = _cut_tags(encoded["tags"])
    cut = [name for name, value in shown.items() if value != encoded[name]]
    if cut:
        shown["truncated"] = ",".join(cut)
    return {f"fastsmtp-{name}": value for name, value in shown.items()}


def _cut(value: str, limit: int) -> str:
    """Not within a character that is encoded."""
    if len(value) <= limit:
        return value
    return quote(_decode(value[:limit]), safe=_SAFE)


def _cut_tags(value: str) -> str:
    """Whole tags only."""
    return value if len(value) <= MAX_TAGS else value[: MAX_TAGS + 1].rpartition(",")[0]


def _decode(value: str) -> str:
    """Without the part of a character at the end."""
    head, percent, rest = value[-2:].partition("%")
    whole = value[:-2] + head if percent and len(rest) < 2 else value
    return unquote_to_bytes(whole).decode(errors="ignore")
