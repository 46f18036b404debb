from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastsmtp.mail.fields import write_field
from fastsmtp.mail.headers import find_block_end, split_fields
from fastsmtp.mail.trace import describe_received, name_protocol

NOON = datetime(2027, 1, 15, 12, tzinfo=UTC)


def write(
    helo: str = "client.example",
    client_ip: str = "192.0.2.1",
    recipients: tuple[str, ...] = ("ada@example.org",),
) -> bytes:
    parts = describe_received(
        helo=helo,
        client_ip=client_ip,
        hostname="mx.example.org",
        protocol="ESMTPS",
        queue_id="0198c0de-0000-7000-8000-000000000001",
        recipients=recipients,
        received_at=NOON,
    )
    return write_field("Received", *parts)


def test_the_whole_field() -> None:
    assert write() == (
        b"Received: from client.example ([192.0.2.1])\r\n"
        b" by mx.example.org with ESMTPS id 0198c0de-0000-7000-8000-000000000001\r\n"
        b" for <ada@example.org>;\r\n"
        b" Fri, 15 Jan 2027 12:00:00 +0000\r\n"
    )


def test_several_recipients_are_not_named() -> None:
    field = write(recipients=("ada@example.org", "bob@example.org"))
    assert b"for" not in field
    assert b"id 0198c0de-0000-7000-8000-000000000001;\r\n Fri, 15 Jan" in field


@pytest.mark.parametrize(
    ("client_ip", "expected"),
    [
        ("2001:DB8::1", b"([IPv6:2001:db8::1])"),
        ("fe80::1%eth0", b"([IPv6:fe80::1])"),
        ("", b"(unknown)"),
    ],
)
def test_addresses(client_ip: str, expected: bytes) -> None:
    assert write(client_ip=client_ip).startswith(b"Received: from client.example " + expected)


@pytest.mark.parametrize(
    ("helo", "expected"),
    [
        ("[192.0.2.1]", b"[192.0.2.1]"),
        ("my printer_2", b"my?printer_2"),
        ("a) (b;\r\n\0", b"a???b????"),
        ("b\u00fccher.example", b"b?cher.example"),
        ("", b"unknown"),
        ("a" * 5000, b"a" * 255),
    ],
)
def test_names_in_helo(helo: str, expected: bytes) -> None:
    head = write(helo=helo).replace(b"\r\n", b"").partition(b" ([192.0.2.1])")[0]
    assert head == b"Received: from " + expected


@pytest.mark.parametrize(
    ("is_extended", "is_tls", "is_utf8", "expected"),
    [
        (False, False, False, "SMTP"),
        (True, False, False, "ESMTP"),
        (True, True, False, "ESMTPS"),
        (False, True, False, "ESMTPS"),
        (True, False, True, "UTF8SMTP"),
        (True, True, True, "UTF8SMTPS"),
    ],
)
def test_protocols(is_extended: bool, is_tls: bool, is_utf8: bool, expected: str) -> None:
    assert name_protocol(is_extended=is_extended, is_tls=is_tls, is_utf8=is_utf8) == expected


@given(st.text(st.characters(codec=None)), st.text(st.characters(codec=None), max_size=200))
def test_no_text_leaves_its_field(helo: str, recipient: str) -> None:
    field = write(helo=helo, recipients=(recipient,))
    assert find_block_end(field, 0) == len(field)
    assert [name for name, _ in split_fields(field, 0, len(field))] == [b"Received"]
    assert field.decode().endswith("Fri, 15 Jan 2027 12:00:00 +0000\r\n")
    assert all(line.strip() and len(line) <= 998 for line in field.split(b"\r\n")[:-1])
