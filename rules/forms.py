"""The forms in which texts are compared."""

from fastsmtp.unicode import compose


def fold(text: str) -> str:
    """Without case, as Unicode defines it: ß is ss."""
    return text.lower() if text.isascii() else compose(text).casefold()


def encode(text: str) -> bytes:
    """What RE2 searches; a pattern's own letters are characters all the same."""
    return compose(text).encode()
