"""What the files of this machine say about names: hosts(5), and the search list of resolv.conf(5).

Containers live by them: Docker writes `extra_hosts` into the one, Kubernetes and Compose short
names like `n8n` or `n8n.default` into the other. Both may change while a process runs.
"""

import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

HOSTS = Path("/etc/hosts")
RESOLV_CONF = Path("/etc/resolv.conf")
_MAX_NDOTS = 15  # as in glibc


class SystemFile[T]:
    """A file as `parse` understands it, read again when it has changed; no file is an empty one."""

    def __init__(self, path: Path, parse: Callable[[str], T]) -> None:
        self._path = path
        self._parse = parse
        self._known: tuple[object, T] | None = None

    def read(self) -> T:
        version = self._version()
        if self._known is None or self._known[0] != version:
            self._known = version, self._parse(self._text() if version else "")
        return self._known[1]

    def _version(self) -> object:
        try:
            stat = os.stat(self._path)
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_size, stat.st_ino

    def _text(self) -> str:
        try:
            return self._path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""


def parse_hosts(text: str) -> Mapping[str, list[str]]:
    """The addresses of each name, in the file's order; names in lower case."""
    addresses: dict[str, list[str]] = {}
    for line in text.splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        if not _is_address(address):
            continue
        for name in names:
            found = addresses.setdefault(name.lower().removesuffix("."), [])
            if address not in found:
                found.append(address)
    return addresses


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class SearchList:
    """Below which domains a name is looked for, and how many dots make it a full one first."""

    domains: tuple[str, ...]
    ndots: int = 1

    def candidates(self, name: str) -> list[str]:
        """The names to ask for, in turn. A final dot says that a name is complete."""
        if name.endswith("."):
            return [name]
        below = [f"{name}.{domain}" for domain in self.domains]
        return [name, *below] if name.count(".") >= self.ndots else [*below, name]


def parse_search(text: str) -> SearchList:
    """Where nothing is said, this machine's own domain is searched."""
    domains = [socket.gethostname().partition(".")[2]]
    ndots = 1
    for line in text.splitlines():
        keyword, *values = line.split() or [""]
        if keyword in ("search", "domain"):  # the last one wins
            domains = values if keyword == "search" else values[:1]
        elif keyword == "options":
            ndots = next((n for n in map(_ndots, reversed(values)) if n is not None), ndots)
    return SearchList(tuple(filter(None, (d.strip(".").lower() for d in domains))), ndots)


def _ndots(option: str) -> int | None:
    name, _, value = option.partition(":")
    return min(int(value), _MAX_NDOTS) if name == "ndots" and value.isdecimal() else None
