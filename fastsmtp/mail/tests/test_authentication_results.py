import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fastsmtp.mail.authres import (
    MAX_OCTETS,
    MethodResult,
    describe_dkim,
    describe_spf,
    read_results,
    remove_forged,
    write_results,
)
from fastsmtp.mail.dkim import Signature
from fastsmtp.mail.headers import find_block_end, split_fields, split_whole_fields
from fastsmtp.mail.tests.mails import MAIL_PIECES
from fastsmtp.mail.words import decode_header, unfold

OURS = "mx.example.org"
TEXT = st.text(st.characters(codec=None))
MAIL = b"From: ada@example.net\r\n\r\nAuthentication-Results: mx.example.org; in=body\r\n"


def test_the_whole_field() -> None:
    field = write_results(
        OURS,
        [
            describe_spf("pass", mail_from="ada@example.net", helo="mail.example.net"),
            describe_dkim(
                Signature(
                    result="pass",
                    domain="example.net",
                    selector="2027",
                    algorithm="ed25519-sha256",
                    key_bits=256,
                )
            ),
            describe_dkim(
                Signature(
                    result="fail",
                    domain="list.example",
                    selector="s1",
                    algorithm="rsa-sha256",
                    reason="the body is not what was signed",
                )
            ),
        ],
    )
    assert field == (
        b"Authentication-Results: mx.example.org;\r\n"
        b" spf=pass smtp.mailfrom=ada@example.net;\r\n"
        b" dkim=pass header.d=example.net header.s=2027 header.a=ed25519-sha256;\r\n"
        b' dkim=fail reason="the body is not what was signed" header.d=list.example\r\n'
        b" header.s=s1 header.a=rsa-sha256\r\n"
    )


ENCODED = "=?utf-8?q?x=22=3B_dkim=3Dpass_header.d=3Dgmail.com=3B_a=3D=22?=@evil.example"


def test_an_encoded_word_says_nothing_of_its_own() -> None:
    """RFC 2047 §5 allows none in a quoted string, but there are readers who decode them."""
    wrote = [describe_spf("fail", mail_from=ENCODED, helo="")]
    value = write_results(OURS, wrote).partition(b":")[2]
    assert b"=?" not in value
    assert read_results(decode_header(value)) == read_results(unfold(value).decode()) == wrote


def test_nothing_was_checked() -> None:
    assert write_results(OURS, []) == b"Authentication-Results: mx.example.org;\r\n none\r\n"


def test_no_signature_has_no_properties() -> None:
    assert describe_dkim(Signature(result="none")) == MethodResult(method="dkim", result="none")


@pytest.mark.parametrize(
    ("mail_from", "helo", "expected"),
    [
        ("ada@example.net", "x", b"smtp.mailfrom=ada@example.net"),
        ('"a b"@example.net', "x", rb'smtp.mailfrom="\"a b\"@example.net"'),
        ("a;spf=pass@example.net", "x", b'smtp.mailfrom="a;spf=pass@example.net"'),
        ("a@b@c", "x", b'smtp.mailfrom="a@b@c"'),
        ("j\u00fcrgen@example.net", "x", 'smtp.mailfrom="j\u00fcrgen@example.net"'.encode()),
        ("", "mail.example.net", b"smtp.helo=mail.example.net"),
        ("", "[192.0.2.1]", b'smtp.helo="[192.0.2.1]"'),
        ("", "(", b'smtp.helo="("'),
        ("", "a\r\nSubject: x", b'smtp.helo="a??Subject: x"'),
        ("", "", b'smtp.helo=""'),
    ],
)
def test_what_strangers_wrote_is_quoted(mail_from: str, helo: str, expected: bytes) -> None:
    field = write_results(OURS, [describe_spf("fail", mail_from=mail_from, helo=helo)])
    assert field == b"Authentication-Results: mx.example.org;\r\n spf=fail " + expected + b"\r\n"


@given(TEXT, TEXT, TEXT, TEXT)
def test_no_text_leaves_its_field(reason: str, mail_from: str, helo: str, domain: str) -> None:
    signature = Signature(result="fail", domain=domain, selector=helo, reason=reason)
    spf = describe_spf("fail", mail_from=mail_from, helo=helo, reason=reason)
    field = write_results(OURS, [spf, describe_dkim(signature)])
    assert find_block_end(field, 0) == len(field)
    ((name, value),) = split_fields(field, 0, len(field))
    text = unfold(value).decode()
    assert name == b"Authentication-Results"
    assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in text)
    assert all(line.strip() and len(line) <= 998 for line in field.split(b"\r\n")[:-1])
    outside = _without_quotes(text)
    assert [part.split()[0] for part in outside.split(";")] == [OURS, "spf=fail", "dkim=fail"]


def _without_quotes(text: str) -> str:
    outside, is_quoted, is_escaped = "", False, False
    for character in text:
        if is_escaped:
            is_escaped = False
        elif is_quoted and character == "\\":
            is_escaped = True
        elif character == '"':
            is_quoted = not is_quoted
        elif not is_quoted:
            outside += character
    assert not is_quoted
    return outside


@given(st.text('ab \\"', max_size=300))
def test_a_reason_is_read_back(reason: str) -> None:
    field = write_results(OURS, [MethodResult(method="spf", result="fail", reason=reason)])
    value = field.replace(b"\r\n", b"").decode()
    quoted = value.partition("reason=")[2]
    assert quoted[1:-1].replace('\\"', '"').replace("\\\\", "\\") == reason[:200]


@pytest.mark.parametrize(
    "value",
    [
        b" mx.example.org; spf=pass",
        b"mx.example.org",
        b" MX.Example.ORG ; none",
        b"\r\n\tmx.example.org\r\n 1;\r\n dkim=pass",
        b' "mx.example.org"; none',
        b' "m\\x.example.org"; none',
        b" (a (nested) comment) mx.example.org(another);none",
        rb' (not closed: \) " ) mx.example.org; x="',
        b" mx.example.org/1; none",
    ],
)
@pytest.mark.parametrize("name", [b"Authentication-Results:", b"AUTHENTICATION-results \t:"])
def test_forged_results_are_removed(name: bytes, value: bytes) -> None:
    forged = name + value + b"\r\n"
    other = b"X: y\r\n z\r\n"
    assert remove_forged(forged + other + forged + MAIL, OURS) == other + MAIL


@pytest.mark.parametrize(
    "field",
    [
        b"Authentication-Results: mx.example.net; spf=pass smtp.helo=mx.example.org",
        b"Authentication-Results: mx.example.org.example.net; none",
        b"Authentication-Results: (mx.example.org) mx.example.net; none",
        b"Authentication-Results: (mx.example.org",
        b"Authentication-Results: ) mx.example.org",
        b"Authentication-Results: ;mx.example.org",
        b"Authentication-Results:",
        b"ARC-Authentication-Results: i=1; mx.example.org; none",
        b"X-Authentication-Results: mx.example.org; none",
        b"Subject: a\r\n Authentication-Results: mx.example.org; none",
    ],
)
def test_what_others_wrote_stays(field: bytes) -> None:
    raw = field + b"\r\n" + MAIL
    assert remove_forged(raw, OURS) is raw


@pytest.mark.parametrize(
    "before",
    [
        b"--x: y\r\n",
        b"From a@b Mon Jan 6\r\n",
        b" folded\r\n",
        b"no field\r\n",
        b"A: " + b"b" * 300_000 + b"\r\n",
    ],
    ids=["hyphens", "mbox", "fold", "words", "long"],
)
def test_forged_results_behind_what_ends_the_header_for_some(before: bytes) -> None:
    forged = b"Authentication-Results: mx.example.org; dkim=pass\r\n header.d=bank.example\r\n"
    raw = before + forged + MAIL
    assert remove_forged(raw, OURS) == before + MAIL


@given(MAIL_PIECES, st.data())
def test_only_forged_results_go(raw: bytes, data: st.DataObject) -> None:
    raw = b"A: b\r\n" + raw
    fields = [field for _, field in split_whole_fields(raw, 0, find_block_end(raw, 0))]
    position = len(b"".join(fields[: data.draw(st.integers(1, len(fields)))]))
    assume(raw[:position].endswith(b"\n"))
    forged = write_results(OURS, [])
    assert remove_forged(raw[:position] + forged + raw[position:], OURS) == raw


@pytest.mark.parametrize("filler", [b"(", b")", b"\\", b'"', b" ", b"(a)", b"\r\n ", b";", b"a"])
def test_a_value_of_100_kilobytes(filler: bytes) -> None:
    raw = b"Authentication-Results:" + filler * (100_000 // len(filler)) + b"\r\n" + MAIL
    assert remove_forged(raw, OURS) is raw


def test_more_of_others_than_anybody_writes_is_removed_unread() -> None:
    small = b"Authentication-Results: mx.example.net; none\r\n"
    large = b"Authentication-Results:" + b"(" * MAX_OCTETS + b"\r\n"
    assert remove_forged(small + large + small + b"A: b\r\n" + MAIL, OURS) == (
        small + b"A: b\r\n" + MAIL
    )


WORDS = st.text('ab;="\\()@ü. ', max_size=30).map(lambda text: " ".join(text.split()))
RESULT = st.builds(
    MethodResult,
    method=st.sampled_from(["spf", "dkim"]),
    result=st.sampled_from(["pass", "fail", "temperror"]),
    reason=WORDS,
    properties=st.lists(st.tuples(st.sampled_from(["header.d", "smtp.helo"]), WORDS)).map(tuple),
)


@given(st.lists(RESULT))
def test_what_was_written_is_read_back(results: list[MethodResult]) -> None:
    _, _, value = write_results(OURS, results).partition(b":")
    assert read_results(decode_header(value)) == results


@pytest.mark.parametrize("value", ["", "mx.example.org", 'a; b="', ";;;", '"; spf=pass', "a; none"])
def test_what_we_did_not_write_gives_nothing_or_little(value: str) -> None:
    assert all(found.method for found in read_results(value))
