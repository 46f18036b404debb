"""The forms in which texts are compared."""

from unicodedata import normalize


def compose(text: str) -> str:
    """In Unicode's composed form, so that é is é however it was typed."""
    return text if text.isascii() else normalize("NFC", text)


def fold(text: str) -> str:
    """Without case, as Unicode defines it: ß is ss."""
    return text.lower() if text.isascii() else compose(text).casefold()


def encode(text: str) -> bytes:
    """What RE2 searches; a pattern's own letters are characters all the same."""
    return compose(text).encode()
