"""What is wrong with base64 costs no more than what is wrong, and is told."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastsmtp.mail import transfer
from fastsmtp.mail.message import parse
from fastsmtp.mail.transfer import MAX_FOOTER_OCTETS, decode_base64

FOOTER = (
    b"\r\n_______________\r\nUsers mailing list\r\nUsers@example.org\r\nhttps://example.org/\r\n"
)
LONG = base64.b64encode(b"a line " * 9)

SOUND = {
    "empty": (b"", b""),
    "lines": (b"SGVs\r\nbG8=\r\n", b"Hello"),
    "no padding": (b"SGVs\r\nbG8\r\n", b"Hello"),
    "blanks": (b" SGVs bG8=\t\r\n\r\n", b"Hello"),
}
DAMAGED = {
    "padding inside": (b"SGVsbG8=\r\nV29ybGQ=", b"HelloWorld"),
    "padding inside, none at the end": (b"SGVsbG8=\r\nV29ybGQ", b"HelloWorld"),
    "two paddings": (b"SA==ZWxsbw==", b"Hello"),
    "nothing but padding": (b"====", b""),
    "one letter too many": (b"SGVsbG8hV", b"Hello!"),
    "foreign characters": (b"SGVs-bG8=\r\n", b"Hello"),
    "a line that was cut by a server": (LONG + b"!\r\n " + LONG, b"a line " * 18),
    "footer": (b"SGVsbG8=" + FOOTER, b"Hello"),
    "footer without padding before": (b"SGVsbG8h" + FOOTER, b"Hello!"),
    "footer below long lines": (LONG + b"\r\nSGVsbG8=" + FOOTER, b"a line " * 9 + b"Hello"),
    "footer of one word": (b"SGVsbG8h\r\n-- \r\nBye\r\n", b"Hello!"),
    "text": (b"Hello, this is no base64.\r\n", b"Hello, this is no base64.\r\n"),
    "damage that is no footer": (b"- -\r\n" + LONG + b"\r\n", b"a line " * 9),
    "a footer as long as a message": (
        LONG + b"\r\n" + b"a, b\r\n" * MAX_FOOTER_OCTETS,
        None,
    ),
}


@pytest.mark.parametrize(("data", "decoded"), SOUND.values(), ids=SOUND)
def test_sound_base64(data: bytes, decoded: bytes) -> None:
    assert decode_base64(memoryview(data)) == (decoded, True)


@pytest.mark.parametrize(("data", "decoded"), DAMAGED.values(), ids=DAMAGED)
def test_damaged_base64(data: bytes, decoded: bytes | None) -> None:
    found, is_sound = decode_base64(memoryview(data))
    assert decoded in (found, None)
    assert not is_sound


PIECES = st.lists(st.binary(max_size=5))


@given(PIECES)
def test_pieces_that_were_encoded_one_by_one(pieces: list[bytes]) -> None:
    data = b"\r\n".join(base64.b64encode(piece) for piece in pieces)
    assert decode_base64(memoryview(data))[0] == b"".join(pieces)


@given(st.binary(min_size=1), st.integers(1, 100), st.integers(1, 40))
def test_any_length_across_the_blocks(content: bytes, width: int, block: int) -> None:
    encoded = base64.b64encode(content)
    lines = b"\r\n".join(encoded[at : at + width] for at in range(0, len(encoded), width))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transfer, "_BLOCK_OCTETS", block)
        assert decode_base64(memoryview(lines)) == (content, True)
        assert decode_base64(memoryview(lines + b"\xff")) == (content, False)


@given(st.binary() | st.lists(st.sampled_from([b"QUJD", b"QQ==", b"A", b"=", b"-", b" ", b"\n"])))
def test_any_bytes_are_decoded(data: bytes | list[bytes]) -> None:
    decode_base64(memoryview(b"".join(data) if isinstance(data, list) else data))


def test_a_damaged_body_is_told() -> None:
    message = parse(b"Content-Transfer-Encoding: base64\r\n\r\nSGVsbG8=\r\nV29ybGQ=" + FOOTER)
    assert message.body_text == "HelloWorld"
    assert message.defects == ("base64_damaged",)


def test_a_damaged_attachment_is_told_when_it_is_decoded() -> None:
    message = parse(
        b"Content-Type: a/b\r\nContent-Transfer-Encoding: base64\r\n\r\nSGVsbG8=\r\nV29ybGQ="
    )
    assert not message.defects
    message.decode()
    assert message.attachments[0].content == b"HelloWorld"
    assert message.defects == ("base64_damaged",)
