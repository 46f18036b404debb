"""The types of variables: how their text becomes a value."""

import json
import re
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import NoDecode

from fastsmtp.dns_server import DNSServer


def _split_list(value: Any) -> Any:
    """A list variable is comma-separated, or a JSON list."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        try:
            return json.loads(value)
        except json.JSONDecodeError as error:
            raise ValueError(f"looks like a JSON list but is not one ({error.msg})") from None
    return [item.strip() for item in value.split(",") if item.strip()]


_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
LONGEST = 3650  # days: a longer one ends beyond all dates sooner or later


def parse_duration(value: Any) -> Any:
    """`90`, `90s`, `5m`, `2h`, `1d`; a bare number is in seconds."""
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd]?)", value.strip())
    if match is None:
        raise ValueError(f"“{value}” is not a duration such as 90s, 5m, 2h or 1d")
    seconds = float(match[1]) * _SECONDS[match[2] or "s"]
    if seconds > LONGEST * _SECONDS["d"]:
        raise ValueError(f"“{value}” is longer than {LONGEST}d")
    return timedelta(seconds=seconds)


def _host(value: str) -> str:
    if not value or any(char.isspace() for char in value):
        raise ValueError("must be an address or a host name")
    return value


type Port = Annotated[int, Field(ge=1, le=65535)]
type Host = Annotated[str, AfterValidator(_host)]
type Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
type Days = Annotated[int, Field(ge=0, le=36_500)]  # 0: for ever
type Network = IPv4Network | IPv6Network
type NetworkList = Annotated[list[Network], NoDecode, BeforeValidator(_split_list)]
type DNSServerItem = Annotated[DNSServer, BeforeValidator(lambda item: DNSServer.parse(str(item)))]
type DNSServerList = Annotated[list[DNSServerItem], NoDecode, BeforeValidator(_split_list)]
type TextList = Annotated[list[str], NoDecode, BeforeValidator(_split_list)]
type DurationList = Annotated[list[Duration], NoDecode, BeforeValidator(_split_list)]
