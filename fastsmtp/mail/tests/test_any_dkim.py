"""Properties: whatever the message and the key record, there are results and no exception.

The large inputs take hours wherever time is quadratic; the suite's timeout ends them.
"""

import dkim as dkimpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastsmtp.mail import dkim
from fastsmtp.mail.canonical import relax_body, relax_field, simplify_body
from fastsmtp.mail.tests.mails import MAIL_PIECES
from fastsmtp.mail.tests.signing import KEY_NAME, MAIL, NOW, Zone, publish, sign

SIGNED = sign(MAIL)
BODY = st.lists(st.sampled_from([b" ", b"\t", b"\r\n", b"a", b"\r", b"\n", b"-"])).map(b"".join)


def results(raw: bytes, record: bytes) -> list[str]:
    return [s.result for s in dkim.verify(raw, Zone({KEY_NAME: [record]}), now=NOW)]


@given(MAIL_PIECES, st.binary())
def test_any_message_after_a_signature(pieces: bytes, record: bytes) -> None:
    (result,) = results(SIGNED.partition(b"From")[0] + pieces, record)[:1]
    assert result == "permerror"


@given(st.binary())
def test_any_signature(value: bytes) -> None:
    assert "pass" not in results(b"DKIM-Signature:" + value + b"\r\n" + MAIL, publish())


@given(
    st.sampled_from(["v", "a", "b", "bh", "c", "d", "h", "i", "l", "q", "s", "t", "x"]),
    st.binary() | st.text().map(str.encode) | st.integers().map(lambda number: b"%d" % number),
)
def test_any_value_of_a_tag(name: str, value: bytes) -> None:
    field = sign(MAIL, **{name: None}).removesuffix(MAIL).rstrip()
    field = field[: field.rindex(b"b=")] if name == "b" else field
    field = field.rstrip(b"; ") + b"; " + name.encode() + b"=" + value.replace(b"\n", b"") + b"\r\n"
    assert results(field + MAIL, publish()) in (["permerror"], ["fail"], ["policy"])


@given(st.binary())
def test_any_key_record(record: bytes) -> None:
    assert results(SIGNED, record) == ["permerror"]


@given(st.data())
def test_a_damaged_signature_never_passes_for_a_signed_field(data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(MAIL.partition(b"\r\n\r\n")[0]) - 1))
    start = len(SIGNED) - len(MAIL) + position
    byte = data.draw(st.integers(33, 126).filter(lambda value: value != SIGNED[start]))
    raw = SIGNED[:start] + bytes([byte]) + SIGNED[start + 1 :]
    is_only_case = raw.lower() == SIGNED.lower() and b":" in MAIL[position:].partition(b"\n")[0]
    assert results(raw, publish()) != ["pass"] or is_only_case


@pytest.mark.parametrize("name", ["v", "b", "h", "x"])
def test_tag_lists_of_100_kilobytes(name: str) -> None:
    for filler in (" ", ";", "=", "a:", "\r\n ", "a=b;", "from:"):
        value = f"DKIM-Signature: {name}=" + filler * (100_000 // len(filler)) + "\r\n"
        assert results(value.encode() + MAIL, publish()) == ["permerror"]


def test_a_list_of_20000_signed_fields() -> None:
    assert results(sign(MAIL, h="from:" * 20_000 + "to"), publish()) == ["pass"]


@pytest.mark.parametrize("canonicalization", ["simple/simple", "relaxed/relaxed"])
@pytest.mark.parametrize("filler", [b" ", b"\t ", b" \r\n", b"\r\n", b"\r", b"a ", b" a\t\r"])
def test_bodies_of_a_megabyte(filler: bytes, canonicalization: str) -> None:
    body = filler * (1_000_000 // len(filler)) + b"x\r\n"
    assert results(sign(MAIL, c=canonicalization) + body, publish()) == ["fail"]


@pytest.mark.parametrize("canonicalization", ["simple", "relaxed"])
@pytest.mark.parametrize("filler", [b" ", b"\t ", b" \r\n\t", b"\r", b"a ", b" a\t\r"])
def test_fields_of_100_kilobytes(filler: bytes, canonicalization: str) -> None:
    raw = MAIL.replace(b"Cogs", b"C" + filler * (100_000 // len(filler)) + b"ogs")
    assert results(sign(raw, c=canonicalization), publish()) == ["pass"]


@given(BODY.map(lambda body: body + b"\r\n" if body else body))
def test_bodies_become_what_dkimpy_makes_of_them(body: bytes) -> None:
    policy = dkimpy.CanonicalizationPolicy.from_c_value
    assert simplify_body(body) == policy(b"simple/simple").canonicalize_body(body)
    assert relax_body(body) == policy(b"relaxed/relaxed").canonicalize_body(body)


@given(BODY)
def test_fields_become_what_dkimpy_makes_of_them(value: bytes) -> None:
    # dkimpy strips a bare carriage return as well, and joins lines at a bare line feed.
    value = b"-" + value.replace(b"\r\n", b"\r\n ").replace(b"\n", b"\n ") + b"-"
    value = value.replace(b"\r\n", b"$").replace(b"\n", b"").replace(b"$", b"\r\n")
    policy = dkimpy.CanonicalizationPolicy.from_c_value(b"relaxed")
    (expected,) = policy.canonicalize_headers([(b"X-Y \t", value)])
    assert relax_field(b"X-Y \t:" + value) == b"%b:%b" % expected


def test_only_spaces_and_tabs_are_stripped() -> None:
    assert relax_field(b"A: \x0b b \r\r\n") == b"a:\x0b b \r\r\n"


@pytest.mark.parametrize("body", [b"a", b"a \t", b"a\r\n", b"a \r\n \r\n\t\r\n"])
def test_a_last_line_has_an_end(body: bytes) -> None:
    assert relax_body(body) == b"a\r\n"


@pytest.mark.parametrize("body", [b"", b"\r\n", b"\r\n\r\n"])
def test_an_empty_body(body: bytes) -> None:
    assert simplify_body(body) == b"\r\n"
    assert relax_body(body) == b""
