"""Keys of objects: sender and tenant choose parts, and none leaves its place."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.objects.keys import make_safe, message_folder, raw_key, unique_names

ID = UUID("01943a5c-0000-7000-8000-000000000002")


def folder(internet_message_id: str, prefix: str = "attachments") -> str:
    return message_folder(
        prefix=prefix, domain="yourdomain.com", internet_message_id=internet_message_id, id=ID
    )


def test_as_the_receivers_know_it() -> None:
    assert folder("<abc123@sender.com>") == "attachments/yourdomain.com/abc123@sender.com"


@pytest.mark.parametrize("missing", ["", " ", "<>", "<..>", "<///>"])
def test_without_a_usable_message_id_the_own_id_stands(missing: str) -> None:
    assert folder(missing) == f"attachments/yourdomain.com/{ID}"


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [("", "yourdomain.com/a"), ("/a//b/", "a/b/yourdomain.com/a")],
)
def test_the_prefix_is_a_path(prefix: str, expected: str) -> None:
    assert folder("<a>", prefix=prefix) == expected


def test_the_raw_message_lies_under_its_day() -> None:
    at = datetime(2025, 1, 6, 23, 59, tzinfo=UTC)
    key = raw_key(prefix="raw", domain="yourdomain.com", received_at=at, id=ID)
    assert key == f"raw/yourdomain.com/2025/01/06/{ID}.eml"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a.pdf", "a.pdf", "a.pdf"], ["a.pdf", "a-2.pdf", "a-3.pdf"]),
        (["a.pdf", "a-2.pdf", "a.pdf"], ["a.pdf", "a-2.pdf", "a-3.pdf"]),
        (["README", "README"], ["README", "README-2"]),
        (["a b.pdf", "a_b.pdf"], ["a_b.pdf", "a_b-2.pdf"]),
        (["../../etc/passwd", ".."], ["_.._etc_passwd", "attachment"]),
        (["", ""], ["attachment", "attachment-2"]),
    ],
)
def test_names_of_one_message_differ(names: list[str], expected: list[str]) -> None:
    assert unique_names(names) == expected


def test_a_long_name_keeps_its_ending() -> None:
    name = make_safe("ü" * 500 + ".pdf")
    assert name.endswith("ü.pdf")
    assert 240 < len(name.encode()) <= 250


@given(st.lists(st.text()))
def test_whatever_the_names_are(names: list[str]) -> None:
    found = unique_names(names)
    assert len(set(found)) == len(names)
    for name in found:
        assert name
        assert name not in (".", "..")
        assert not set(name) & set("/\\\0 \r\n?#%")
        assert len(name.encode()) <= 260
