"""Reading forms, with a parser that is not ours."""

from io import BytesIO
from typing import Any

from django.core.files.uploadhandler import MemoryFileUploadHandler
from django.http.multipartparser import MultiPartParser


def read_form(
    content_type: str, body: bytes
) -> tuple[dict[str, str], dict[str, tuple[str, str, bytes]]]:
    """The texts, and of each file its name, type and content."""
    meta = {"CONTENT_TYPE": content_type, "CONTENT_LENGTH": str(len(body))}
    texts: Any
    files: Any
    texts, files = MultiPartParser(meta, BytesIO(body), [MemoryFileUploadHandler()]).parse()
    found = {
        name: (str(file.name), str(file.content_type), file.read()) for name, file in files.items()
    }
    return dict(texts.items()), found
