"""ISO-2022-JP as Windows writes it (CP50220): with letters such as ① that JIS X 0208 lacks and
Python's codecs refuse. It is turned into Shift_JIS, of which Python knows Windows' form.
"""

import re

# An escape, and what it holds for: a line break ends that (RFC 1468).
_SHIFTED = re.compile(rb"\x1b(\$[@B]|\([BIJ])([!-~]*+)")


def decode_iso2022_jp(data: bytes, errors: str) -> str:
    """For bytes below 128. Raises UnicodeDecodeError, if `errors` are "strict"."""
    return _SHIFTED.sub(_shift, data).decode("cp932", errors)


def _shift(found: re.Match[bytes]) -> bytes:
    escape, letters = found.groups()
    if escape == b"(I":  # half-width Katakana
        return bytes(letter | 0x80 for letter in letters)
    return _shift_rows(letters) if escape.startswith(b"$") else letters


def _shift_rows(letters: bytes) -> bytes:
    """Row and cell of each character, from 33 on, as the two bytes of Shift_JIS."""
    shifted = bytearray()
    for row, cell in zip(letters[::2], letters[1::2], strict=False):
        shifted.append((row + 1) // 2 + (0x70 if row < 0x5F else 0xB0))
        shifted.append(cell + (0x1F + (cell >= 0x60) if row % 2 else 0x7E))
    return bytes(shifted)
