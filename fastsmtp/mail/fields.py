"""Writing a header field (RFC 5322 §2.2, RFC 6532) that no text from outside can break out of."""

import re

_MAX_LINE_OCTETS = 78  # without the line end; RFC 5322 §2.1.1
_MAX_QUOTED_LENGTH = 200  # at 4 octets each still far from the hard limit of 998
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_WORD = re.compile(r" *+[^ ]++")


def write_field(name: str, *parts: str) -> bytes:
    """The field with its line end, in UTF-8. Every part but the first begins a line.

    Longer lines are folded before spaces, where that is possible also inside of quotes. Control
    characters, line breaks among them, become question marks.
    """
    lines = [f"{name}:"]
    for number, part in enumerate(parts):
        if number:
            lines.append("")
        for word in _WORD.findall(" " + _CONTROL.sub("?", part)):
            if lines[-1] and len((lines[-1] + word).encode()) > _MAX_LINE_OCTETS:
                lines.append("")
            lines[-1] += word
    return "".join(line + "\r\n" for line in lines if line).encode()


def quote(text: str) -> str:
    """A quoted-string (RFC 5322 §3.2.4) of at most 200 characters of the text.

    What looks like an encoded word (RFC 2047) is none for a reader who decodes them even here,
    where they are not allowed: it could decode to the end of the string.
    """
    text = text[:_MAX_QUOTED_LENGTH].replace("\\", "\\\\").replace('"', '\\"')
    return '"' + text.replace("=?", "=\\?") + '"'
