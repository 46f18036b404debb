"""The value of a condition, as it is written: numbers, flags, networks and lists of them."""

import re
from ipaddress import IPv4Network, IPv6Network, ip_network

_NUMBER = re.compile(r"[+-]?[0-9]{1,15}(\.[0-9]{1,6})?")


class InvalidCondition(ValueError):
    """One sentence about one part of a condition: its `field`, `operator` or `value`."""

    def __init__(self, part: str, reason: str) -> None:
        super().__init__(reason)
        self.part = part


def split_list(value: str) -> list[str]:
    items = [item.strip() for item in value.split(",")]
    if not all(items):
        raise InvalidCondition("value", "is a list with commas in between, without empty places")
    return items


def find_number(text: str) -> float | None:
    """None for what is no number."""
    text = text.strip()
    return float(text) if _NUMBER.fullmatch(text) else None


def parse_number(text: str) -> float:
    number = find_number(text)
    if number is None:
        raise InvalidCondition("value", "must be a number such as 5 or -0.5")
    return number


def parse_whole_number(text: str) -> int:
    number = find_number(text)
    if number is None or not number.is_integer():
        raise InvalidCondition("value", "must be a whole number")
    return int(number)


def parse_flag(value: str) -> str:
    flag = value.strip().lower()
    if flag in ("true", "yes", "1"):
        return "true"
    if flag in ("false", "no", "0"):
        return "false"
    raise InvalidCondition("value", "must be true or false")


def parse_network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text.strip())
    except ValueError as error:
        raise InvalidCondition("value", f"is not an address or network: {error}") from None
