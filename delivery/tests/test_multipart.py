"""Forms with files, as an independent parser reads them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.bodies.multipart import File, Text, encode
from delivery.tests.forms import read_form


def read(*fields: Text | File) -> tuple[dict[str, str], dict[str, tuple[str, str, bytes]]]:
    return read_form(*encode(fields))


def test_texts_and_files() -> None:
    texts, files = read(
        Text("payload", '{"subject": "Grüße"}'),
        File("attachment_0", "a b.pdf", "application/pdf", b"%PDF\r\n--x--\r\n"),
        File("attachment_1", "leer.txt", "text/plain", b""),
    )
    assert texts == {"payload": '{"subject": "Grüße"}'}
    assert files == {
        "attachment_0": ("a b.pdf", "application/pdf", b"%PDF\r\n--x--\r\n"),
        "attachment_1": ("leer.txt", "text/plain", b""),
    }


def test_a_text_has_no_content_type() -> None:
    """With one, n8n would take it for a file."""
    _, body = encode([Text("payload", "{}")])
    assert b'name="payload"\r\n\r\n{}\r\n' in body


@pytest.mark.parametrize("name", ['a"; name="payload', "a\r\nX-Evil: 1", "a\n\nb"])
def test_a_file_name_stays_in_its_place(name: str) -> None:
    texts, files = read(File("attachment_0", name, "text/plain", b"content"))
    assert not texts
    assert [content for _, _, content in files.values()] == [b"content"]
    assert list(files) == ["attachment_0"]


@given(content=st.binary(), value=st.text(st.characters(exclude_categories=["Cs"])))
def test_any_content(content: bytes, value: str) -> None:
    texts, files = read(
        Text("payload", value), File("attachment_0", "a.bin", "application/octet-stream", content)
    )
    assert texts == {"payload": value}
    assert files["attachment_0"][2] == content
