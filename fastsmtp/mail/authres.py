"""The Authentication-Results field (RFC 8601): what our checks found, for whoever reads the mail.

A reader trusts fields that carry our name, the authserv-id. So those that came with the message
must go (§5) before ours is put on top.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from fastsmtp.mail.dkim import Signature
from fastsmtp.mail.fields import quote, write_field
from fastsmtp.mail.headers import find_empty_line

MAX_OCTETS = 256 * 1024  # of the fields that others wrote

# What needs no quotes in a pvalue: a token, or a mailbox with a plain local part.
_PLAIN = re.compile(r"[A-Za-z0-9_+-][A-Za-z0-9_.+-]*(?:@[A-Za-z0-9_.-]+)?")
# Of what we wrote ourselves: no comments, and white space only between pairs.
_RESULT = re.compile(r'(?:[^";]|"(?:[^"\\]|\\.)*+"?)*+')
_PAIR = re.compile(r'([a-z0-9.-]++)=("(?:[^"\\]|\\.)*+"|[^\s;]++)')
_COMMENT_TOKEN = re.compile(rb"[ \t\r\n]++|\\.|[()]|[^ \t\r\n\\()]++", re.DOTALL)
_VALUE = re.compile(rb'"((?:[^"\\]|\\.)*+)"|([^\x00-\x20()<>@,;:\\"/\[\]?=]++)', re.DOTALL)
_FIELD = re.compile(
    rb"^authentication-results[ \t]*+:[^\n]*+(?:\n[ \t][^\n]*+)*+\n?+", re.IGNORECASE | re.MULTILINE
)
_QUOTED_PAIR = re.compile(rb"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodResult:
    """What one method found (resinfo, §2.2). Properties are pairs such as `("header.d", …)`."""

    method: str
    result: str
    reason: str = ""
    properties: tuple[tuple[str, str], ...] = ()


def describe_dkim(signature: Signature) -> MethodResult:
    """§2.7.1. The algorithm and the selector are those of RFC 8601 too."""
    properties = {
        "header.d": signature.domain,
        "header.s": signature.selector,
        "header.a": signature.algorithm,
    }
    return MethodResult(
        method="dkim",
        result=signature.result,
        reason=signature.reason,
        properties=tuple(pair for pair in properties.items() if pair[1]),
    )


def describe_spf(result: str, *, mail_from: str, helo: str, reason: str = "") -> MethodResult:
    """§2.7.2. For the null reverse-path the name in HELO was checked."""
    checked = ("smtp.mailfrom", mail_from) if mail_from else ("smtp.helo", helo)
    return MethodResult(method="spf", result=result, reason=reason, properties=(checked,))


def write_results(authserv_id: str, results: Iterable[MethodResult]) -> bytes:
    """The field with its line end; it says `none` if nothing was checked."""
    parts = [_write_result(result) for result in results] or ["none"]
    parts = [f"{part};" for part in (_write_value(authserv_id), *parts)]
    parts[-1] = parts[-1].removesuffix(";")
    return write_field("Authentication-Results", *parts)


def read_results(value: str) -> list[MethodResult]:
    """What `write_results` wrote, from the value of the field (unfolded): the way back."""
    results = []
    for part in _split(value)[1:]:  # the first is the authserv-id
        found = [(name, _unquote(text)) for name, text in _PAIR.findall(part)]
        if found:
            (method, result), *others = found
            results.append(
                MethodResult(
                    method=method,
                    result=result,
                    reason=next((text for name, text in others if name == "reason"), ""),
                    properties=tuple(pair for pair in others if pair[0] != "reason"),
                )
            )
    return results


def remove_forged(raw: bytes, authserv_id: str) -> bytes:
    """The message without the results that somebody else signed with our name.

    Everything else stays as it is, byte for byte, but for results beyond `MAX_OCTETS`: these are
    removed unread. Readers disagree about where a broken header ends, so all lines up to the
    first empty one count.
    """
    end = find_empty_line(raw)
    if _FIELD.search(raw, 0, end) is None:  # most mail
        return raw
    octets = 0

    def keep(field: re.Match[bytes]) -> bytes:
        nonlocal octets
        octets += len(field[0])
        return b"" if octets > MAX_OCTETS or _is_ours(field[0], authserv_id) else field[0]

    header = _FIELD.sub(keep, raw[:end])
    return raw if len(header) == end else header + raw[end:]


def _write_result(result: MethodResult) -> str:
    words = [f"{result.method}={result.result}"]
    if result.reason:
        words.append(f"reason={quote(result.reason)}")
    words += [f"{name}={_write_value(value)}" for name, value in result.properties]
    return " ".join(words)


def _split(value: str) -> list[str]:
    """At the semicolons that stand outside of quotes."""
    return [part for part in _RESULT.findall(value) if part]


def _unquote(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else text


def _write_value(text: str) -> str:
    return text if len(text) <= 320 and _PLAIN.fullmatch(text) else quote(text)


def _is_ours(field: bytes, authserv_id: str) -> bool:
    found = _read_authserv_id(field.partition(b":")[2])
    return found.decode("utf-8", "replace").lower() == authserv_id.lower()


def _read_authserv_id(value: bytes) -> bytes:
    """The first value after comments, which may be nested and hold anything; b'' if none is."""
    depth = 0
    for token in _COMMENT_TOKEN.finditer(value):
        if token[0] == b"(":
            depth += 1
        elif depth == 0 and not token[0].isspace():
            found = _VALUE.match(value, token.start())
            if found is None:
                break
            quoted = _QUOTED_PAIR.sub(rb"\1", (found[1] or b"").replace(b"\r\n", b""))
            return found[2] or quoted
        elif token[0] == b")":
            depth -= 1
    return b""
