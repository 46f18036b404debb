"""Text of bytes with a charset: a label written by the sender, and often wrong.

Nothing in here raises: what cannot be decoded becomes U+FFFD, and an unknown label is answered
with the best guess.
"""

import re
from encodings.aliases import aliases

from fastsmtp.mail.japanese import decode_iso2022_jp

REPLACEMENT = "\ufffd"

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")

# Codecs that Python lists beside the charsets: bytes to bytes, or of one platform only.
_NO_CHARSETS = {
    "base64_codec", "bz2_codec", "hex_codec", "mbcs", "quopri_codec", "rot_13", "uu_codec",
    "zlib_codec",
}  # fmt: skip
# What senders mean: the larger set that the named one is taken for (WHATWG Encoding §4.2).
_SUPERSETS = {
    "latin_1": "cp1252",
    "iso8859_9": "cp1254",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
}
_UNLISTED = ("cp720", "cp737", "cp874", "koi8_u", "mac_croatian", "mac_romanian")
# Names that Python does not know: of Windows, of MIME, and of what was a draft.
_MORE_ALIASES = {
    "cp50220": "iso2022_jp",
    "cp50221": "iso2022_jp",
    "cp50222": "iso2022_jp",
    "cswindows31j": "cp932",
    "iso88598e": "iso8859_8",
    "iso88598i": "iso8859_8",
    "macce": "mac_latin2",
    "unicode11utf8": "utf_8",
    "utf8mb4": "utf_8",
    "windows31j": "cp932",
    "windows936": "gb18030",
}
# Senders write iso88591, cp-1252 and gb_2312-80.
_SEPARATORS = str.maketrans("", "", "-_ .:")


def _list_charsets() -> dict[str, str]:
    codecs = {name: name for name in (*aliases.values(), *_UNLISTED)} | aliases
    charsets = {
        name.translate(_SEPARATORS): _SUPERSETS.get(codec, codec)
        for name, codec in codecs.items()
        if codec not in _NO_CHARSETS
    }
    windows = {
        name.replace("cp", "windows"): codec
        for name, codec in charsets.items()
        if name.startswith("cp")
    }
    return windows | charsets | _MORE_ALIASES


# A table of our own, because `codecs.lookup` imports by the sender's name and remembers every
# miss for ever, and knows codecs that are quadratic (idna, punycode) or no charset at all.
_CHARSETS = _list_charsets()


def decode_text(data: bytes, charset: str | None = None) -> str:
    """Text of `data`, without NUL and lone surrogates, so that JSON and databases take it."""
    return decode_labelled(data, charset)[0] if charset else _guess(data)


def decode_labelled(data: bytes, charset: str | None) -> tuple[str, str | None]:
    """The same, and a word for what is wrong with the label.

    A known charset is believed, with U+FFFD where it is wrong. Without one (none named, unknown,
    ASCII with bytes above 127, or UTF-16 and UTF-32 of bytes that are ASCII) the guess is UTF-8,
    then Windows-1252.
    """
    codec = find_codec(charset) if charset else None
    if codec is None or codec == "ascii" or _is_too_wide(codec, data):
        is_right = not charset or (codec == "ascii" and data.isascii())
        return _guess(data), None if is_right else _name_defect(codec)
    try:
        text, defect = _decode(data, codec, "strict"), None
    except UnicodeError:
        text, defect = _decode(data, codec, "replace"), _name_defect(codec)
    return clean(text), defect


def _decode(data: bytes, codec: str, errors: str) -> str:
    """What Python's codecs of ISO-2022-JP refuse is mostly Windows' form of it."""
    try:
        return data.decode(codec)
    except UnicodeError:
        if codec.startswith("iso2022_jp") and data.isascii():
            return decode_iso2022_jp(data, errors)
        return data.decode(codec, errors)


def _is_too_wide(codec: str, data: bytes) -> bool:
    """In UTF-16 and UTF-32 every space and line break has a NUL."""
    return codec.startswith(("utf_16", "utf_32")) and data.isascii() and b"\0" not in data


def _name_defect(codec: str | None) -> str:
    return "charset_wrong" if codec else "charset_unknown"


def _guess(data: bytes) -> str:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode("cp1252", "replace")
    return clean(text)


def find_codec(charset: str) -> str | None:
    """The Python codec for a charset label of a mail, or None if there is none to trust."""
    name = charset.partition("(")[0].lower().translate(_SEPARATORS)
    return _CHARSETS.get(name) or _CHARSETS.get(name.removeprefix("x"))


def clean(text: str) -> str:
    """`text` with U+FFFD for NUL and lone surrogates, which JSON and PostgreSQL refuse."""
    if "\0" in text:
        text = text.replace("\0", REPLACEMENT)
    return text if text.isascii() else _LONE_SURROGATE.sub(REPLACEMENT, text)
