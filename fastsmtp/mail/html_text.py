"""Plain text of an HTML body, for mail that brings no text of its own.

One pass over the tags, without a tree: no depth to exhaust, and nothing in the markup (widths,
margins, nested tables) can make the text longer than its source. Whoever wants the layout has
`body_html`.
"""

import html
import re

from fastsmtp.mail.decoding import clean

MAX_QUOTE_DEPTH = 5
MAX_TOKENS = 100_000  # tags, and texts between them
MAX_LENGTH = 512 * 1024  # characters of the texts

# A tag that never ends is one to the end of the text, so nothing is looked at twice.
_TOKEN = re.compile(
    r"<!--(?:[^-]|-(?!->))*+(?:-->)?"
    r"|<[!?][^>]*+>?"
    r"|<(/?)([a-zA-Z][^\s/>]*+)(?:[^>\"']|\"[^\"]*+\"|'[^']*+')*+>?"
    r"|((?:[^<]|<(?![a-zA-Z/!?]))++|<)"
)
_SPACE = re.compile(r"[ \t\r\n\f]++")
_HUGE_REFERENCE = re.compile(r"&#(?:[0-9]{8,}+|[xX][0-9a-fA-F]{7,}+);?")

_HIDDEN = {
    name: re.compile(rf"</{name}\b", re.IGNORECASE)
    for name in ("script", "style", "template", "title")
}
_PARAGRAPHS = {
    "blockquote", "dl", "h1", "h2", "h3", "h4", "h5", "h6", "ol", "p", "pre", "table", "ul",
}  # fmt: skip
_LINES = {
    "address", "article", "aside", "body", "caption", "center", "dd", "div", "dt", "fieldset",
    "figcaption", "figure", "footer", "form", "header", "hr", "li", "main", "nav", "section",
    "tbody", "tfoot", "thead", "tr",
}  # fmt: skip
_CELLS = {"td", "th"}
_SHAPING = _PARAGRAPHS | _LINES | _CELLS | {"br"}  # the others leave no mark on the text


def make_text(source: str) -> tuple[str, bool]:
    """The text of `source` with `\\n` for line breaks, and whether it is all of it.

    Quotes (`blockquote`) are marked by `> `. Never raises; linear in time.
    """
    text = _Text()
    position, room = 0, MAX_LENGTH
    for _ in range(MAX_TOKENS):
        token = _TOKEN.match(source, position)
        if token is None:
            break
        position = token.end()
        end_mark, tag, words = token.groups()
        if words is not None:
            text.write(words[:room])
            room -= len(words)
            if room < 0:
                break
        elif tag is None:
            continue
        elif (name := tag.lower()) in _SHAPING:
            text.mark(name, is_end=bool(end_mark))
        elif name in _HIDDEN and not end_mark:
            end = _HIDDEN[name].search(source, position)
            position = end.start() if end else len(source)
    return text.finish(), room >= 0 and position >= len(source)


class _Text:
    """The lines so far, and the one that is being written."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._line: list[str] = []
        self._wants_blank = False  # before the next line
        self._quotes = 0
        self._verbatim = 0  # depth of <pre>

    def write(self, words: str) -> None:
        if "&" in words:
            # A number of a thousand digits is refused by Python, with an exception.
            words = html.unescape(_HUGE_REFERENCE.sub("\ufffd", words))
        if self._verbatim:
            first, *others = words.replace("\r\n", "\n").split("\n")
            self._line.append(first)
            for line in others:
                self._end_line(keep_empty=True)
                self._line.append(line)
            return
        words = _SPACE.sub(" ", words)
        if not self._line or self._line[-1].endswith((" ", "\t")):
            words = words.removeprefix(" ")
        if words:
            self._line.append(words)

    def mark(self, name: str, *, is_end: bool) -> None:
        if name == "br":
            self._end_line(keep_empty=True)
        elif name in _CELLS:
            if self._line and not is_end:
                self._line.append("\t")
        elif name in _PARAGRAPHS:
            self._end_line()
            self._wants_blank = True
        elif name in _LINES:
            self._end_line()
        change = -1 if is_end else 1
        if name == "blockquote":
            self._quotes = max(0, self._quotes + change)
        elif name == "pre":
            self._verbatim = max(0, self._verbatim + change)
        elif name == "li" and not is_end:
            self._line.append("- ")

    def _end_line(self, *, keep_empty: bool = False) -> None:
        line = "".join(self._line).rstrip()
        self._line.clear()
        if not line and not (keep_empty and self._lines):
            return
        mark = "> " * min(self._quotes, MAX_QUOTE_DEPTH)
        if self._wants_blank and self._lines and self._lines[-1]:
            self._lines.append(mark.rstrip() if self._lines[-1].startswith(mark) else "")
        self._wants_blank = False
        self._lines.append((mark + line).rstrip())

    def finish(self) -> str:
        self._end_line()
        return clean("\n".join(self._lines).strip("\n").replace("\xa0", " "))
