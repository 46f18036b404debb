"""Which addresses are public, and what the operator's allow-list opens."""

import socket

import psutil
import pytest

from fastsmtp.http import AddressNotAllowed, AddressPolicy

CLOSED = AddressPolicy.parse([], [])

# One sentence says what opens each of them.
NAME_OR_RANGE = "list the host or its range in FASTSMTP_WEBHOOK_ALLOWED_INTERNAL_DOMAINS"
RANGE_ONLY = "only a CIDR range in FASTSMTP_WEBHOOK_ALLOWED_INTERNAL_DOMAINS"

INTERNAL = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.7",
    "203.0.113.7",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::8.8.8.8",
    "::ffff:8.8.8.8",
    "::ffff:127.0.0.1",
    "::ffff:0:8.8.8.8",
    "64:ff9b::8.8.8.8",
    "64:ff9b::10.0.0.1",
    "64:ff9b:1::8.8.8.8",
    "100::1",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:808:808::1",
    "2002:7f00:1::1",
    "3fff::1",
    "4000::1",
    "5f00::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
]

METADATA = [
    "169.254.169.254",
    "169.254.170.2",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "fd00:ec2::254",
    "fd20:ce::254",
]

PUBLIC = [
    "1.1.1.1",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.167.255.255",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2001:200::1",
    "2001:4860:4860::8888",
    "2606:4700:4700::1111",
    "2a00:1450:4001::1",
]


def _refusal(policy: AddressPolicy, *, host: str, address: str, port: int = 443) -> str:
    with pytest.raises(AddressNotAllowed) as caught:
        policy.check(host=host, address=address, port=port)
    return str(caught.value)


def _is_allowed(policy: AddressPolicy, *, host: str, address: str, port: int = 443) -> bool:
    try:
        policy.check(host=host, address=address, port=port)
    except AddressNotAllowed:
        return False
    return True


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_allowed(address: str) -> None:
    assert _is_allowed(CLOSED, host="hook.example", address=address)


@pytest.mark.parametrize("address", INTERNAL)
def test_everything_else_is_refused(address: str) -> None:
    refusal = _refusal(CLOSED, host="hook.example", address=address)
    assert f"hook.example ({address})" in refusal
    assert NAME_OR_RANGE in refusal


@pytest.mark.parametrize("address", INTERNAL)
def test_a_listed_name_opens_itself_and_its_subdomains(address: str) -> None:
    policy = AddressPolicy.parse(["svc.example"], [])
    for host in ("svc.example", "svc.example.", "n8n.svc.example", "SVC.Example"):
        assert _is_allowed(policy, host=host, address=address)
    for host in ("example", "notsvc.example", "svc.example.net"):
        assert NAME_OR_RANGE in _refusal(policy, host=host, address=address)


@pytest.mark.parametrize("address", METADATA)
def test_metadata_is_opened_by_a_range_and_by_no_name(address: str) -> None:
    by_name = AddressPolicy.parse(["hook.example"], [])
    for policy in (CLOSED, by_name):
        assert RANGE_ONLY in _refusal(policy, host="hook.example", address=address)
    by_range = AddressPolicy.parse([address], [])
    assert _is_allowed(by_range, host="hook.example", address=address, port=80)


def test_a_listed_range_opens_exactly_itself() -> None:
    policy = AddressPolicy.parse(["10.1.0.0/16", "fd00:1::/32", "192.168.0.7", "::1"], [])
    for address in ("10.1.0.0", "10.1.255.255", "fd00:1::9", "192.168.0.7", "::1"):
        assert _is_allowed(policy, host="hook.example", address=address)
    for address in ("10.2.0.0", "10.0.255.255", "fd00:2::9", "192.168.0.8", "::ffff:10.1.0.0"):
        assert NAME_OR_RANGE in _refusal(policy, host="hook.example", address=address)


@pytest.mark.parametrize(
    ("opened", "public", "private", "metadata"),
    [
        ("::ffff:0:0/96", "::ffff:8.8.8.8", "::ffff:10.0.0.1", "::ffff:169.254.169.254"),
        ("64:ff9b::/96", "64:ff9b::8.8.8.8", "64:ff9b::10.0.0.1", "64:ff9b::169.254.169.254"),
        ("64:ff9b:1::/48", "64:ff9b:1::808:808", "64:ff9b:1::a00:1", "64:ff9b:1::a9fe:a9fe"),
        ("2002::/16", "2002:808:808::1", "2002:a00:1::1", "2002:a9fe:a9fe::1"),
        (
            "2001::/32",
            "2001:0:808:808::f7f7:f7f7",
            "2001:0:808:808::f5ff:fffe",
            "2001:0:a9fe:a9fe::f7f7:f7f7",
        ),
    ],
)
def test_opening_a_translated_range_does_not_open_what_it_leads_to(
    opened: str, public: str, private: str, metadata: str
) -> None:
    policy = AddressPolicy.parse([opened], [])
    assert _is_allowed(policy, host="hook.example", address=public)
    assert NAME_OR_RANGE in _refusal(policy, host="hook.example", address=private)
    named = AddressPolicy.parse([opened, "hook.example"], [])
    assert RANGE_ONLY in _refusal(named, host="hook.example", address=metadata)


def _addresses_of_this_machine() -> list[str]:
    found = [item for items in psutil.net_if_addrs().values() for item in items]
    kinds = (socket.AF_INET, socket.AF_INET6)
    return [item.address for item in found if item.family in kinds and "%" not in item.address]


def test_our_own_ports_on_this_machine_are_never_a_target() -> None:
    everything = AddressPolicy.parse(["0.0.0.0/0", "::/0", "hook.example"], [2525])
    here = ["127.0.0.1", "127.9.9.9", "0.0.0.0", "::1", "::", "::ffff:127.0.0.1"]
    for address in (*here, *_addresses_of_this_machine()):
        refusal = _refusal(everything, host="hook.example", address=address, port=2525)
        assert "port 2525 belongs to FastSMTP" in refusal
        assert _is_allowed(everything, host="hook.example", address=address, port=2526)
    assert _is_allowed(everything, host="hook.example", address="198.51.100.7", port=2525)


@pytest.mark.parametrize(
    "entry",
    [
        "",
        "http://n8n",
        "n8n:5678",
        "*.example",
        "a b",
        "10.0.0.1/8",
        "10.0.0.0/33",
        "10.1",
        "0x7f.1",
        "bücher.example",
        "[::1]",
        "a..b",
        "-a",
        "x" * 64,
    ],
)
def test_a_bad_entry_is_named(entry: str) -> None:
    with pytest.raises(ValueError, match="is neither a host name nor a CIDR range") as caught:
        AddressPolicy.parse(["fine.example", entry], [])
    assert f"“{entry}”" in str(caught.value)
