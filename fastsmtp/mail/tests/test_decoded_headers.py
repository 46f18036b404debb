import base64
import email.header
from email.charset import BASE64, QP, Charset

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastsmtp.mail.words import decode_header

CASES = {
    "plain": (b" Hello", "Hello"),
    "folded": (b" Hello,\r\n\tworld\r\n  again", "Hello, world again"),
    "B": (b"=?utf-8?B?R3LDvMOfZQ==?=", "Grüße"),
    "Q": (b"=?iso-8859-1?q?Gr=FC=DFe_aus?= Wien", "Grüße aus Wien"),
    "raw UTF-8": ("Grüße 🎉".encode(), "Grüße 🎉"),
    "raw Windows-1252": (b"Gr\xfc\xdfe \x80", "Grüße €"),
    "neighbours": (b"=?utf-8?q?a?=\r\n =?utf-8?q?b?= =?iso-8859-1?q?=FC?=", "abü"),
    "cut character": (b"=?utf-8?q?=C3?= =?UTF-8?q?=BC?=", "ü"),
    "text between": (b"a =?utf-8?q?b?= c =?utf-8?q?d?=", "a b c d"),
    "in quotes": (b'"=?utf-8?q?J=C3=B6rg?=" <j@example.org>', '"Jörg" <j@example.org>'),
    "spaces in the word": (b"=?utf-8?Q?a b=20c?=", "a b c"),
    "language": (b"=?utf-8*de?q?=C3=BC?=", "ü"),
    "ISO-2022-JP": (b"=?ISO-2022-JP?B?GyRCJDMkcxsoQg==?=", "こん"),
    "KOI8-R": (b"=?koi8-r?B?8NLJ18XU?=", "Привет"),
    "GB2312 that is GBK": (b"=?gb2312?B?6Fc=?=", "鑇"),
    "unknown charset": (b"=?no-such-charset?q?=C3=BC?=", "ü"),
    "charset that is a codec": (b"=?idna?q?x?==?rot13?q?x?==?hex?q?x?==?undefined?q?x?=", "xxxx"),
    "wrong charset": (b"=?utf-8?q?a=FCb?=", "a\ufffdb"),
    "ASCII that is none": (b"=?us-ascii?q?=C3=BC?=", "ü"),
    "no padding": (b"=?utf-8?B?R3LDvMOfZQ?=", "Grüße"),
    "one letter too many": (b"=?utf-8?B?R3LDvMOfZ?=", "Grüß"),
    "unfinished": (b"=?utf-8?B?R3LDvMOfZQ", "=?utf-8?B?R3LDvMOfZQ"),
    "NUL": (b"a\0b=?utf-8?q?=00?=", "a\ufffdb\ufffd"),
    "bare CR": (b"a\rBcc: b@example.org", "a Bcc: b@example.org"),
    "line break in a word": (b"=?utf-8?q?a=0D=0ABcc:_b?=", "a  Bcc: b"),
    "surrogate": (b"=?utf-16-be?B?2AA=?= =?utf-7?q?+2AA-?=", "\ufffd\ufffd"),
}


@pytest.mark.parametrize(("value", "text"), CASES.values(), ids=CASES)
def test_a_header_is_decoded(value: bytes, text: str) -> None:
    assert decode_header(value) == text


@given(
    st.text(st.characters(exclude_categories=("C", "Z")), min_size=1), st.sampled_from([BASE64, QP])
)
def test_what_another_library_encodes_comes_back(text: str, encoding: int) -> None:
    charset = Charset("utf-8")
    charset.header_encoding = encoding
    value = email.header.Header(text, charset).encode(linesep="\r\n")
    assert decode_header(value.encode()) == text


@given(
    st.binary()
    | st.lists(st.sampled_from([b"=?", b"?q?", b"?=", b"utf-8", b"\r\n ", b"\0"])).map(b"".join)
)
def test_any_bytes_become_clean_text(value: bytes) -> None:
    text = decode_header(value)
    text.encode()
    assert not set(text) & set("\0\r\n")


def test_a_long_header_of_words_keeps_every_one() -> None:
    word = b"=?utf-8?B?" + base64.b64encode(b"word ") + b"?=\r\n "
    assert decode_header(word * 5000) == ("word " * 5000).strip() + " "
