"""What somebody wrote, apart from what they quoted and how they signed (RFC 3676 §4.3, §4.5).

Line by line, in linear time: the attribution lines and header blocks of English, German, French
and Spanish mail programs, `>` quotes, and signatures. There is no standard for most of it, so
this is a guess; `body_text` always has everything.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

MAX_LENGTH = 512 * 1024  # characters; a longer text is not taken apart
MAX_LINE_LENGTH = 300  # of a line that introduces a quote
MAX_ATTRIBUTION_LINES = 4  # mail programs wrap it
MAX_BLOCK_LINES = 8  # of a header block

# What a line may begin with that introduces a quote; one that ends in a colon may too.
_MAY_BEGIN = frozenset(">-_*OAaLEeFfVvDdRrBbIi")
_ATTRIBUTION_START = ("On ", "Am ", "Le ", "El ")
_ATTRIBUTION = re.compile(
    r"On\b.*\bwrote ?:|Am\b.*\bschrieb\b.*:|Le\b.*\ba écrit\s?:|El\b.*\bescribió\s?:"
    r"|.*<[^<>\s@]++@[^<>\s]++> *(?:wrote|schrieb|a écrit|escribió)\s?:"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{1,2}:[0-9]{2}\b.*<[^<>\s@]++@[^<>\s]++>\s?:"
)
_SEPARATOR = re.compile(
    r"[-_*]{2,} ?(?:original message|ursprüngliche nachricht|originalnachricht|message d'origine"
    r"|message original|mensaje original|forwarded message|weitergeleitete nachricht"
    r"|message transféré|mensaje reenviado) ?[-_*]{2,}"
    r"|begin forwarded message:|anfang der weitergeleiteten nachricht:"
    r"|début du message (?:réexpédié|transféré)\s?:|inicio del mensaje reenviado:"
)
_RULE = re.compile(r"_{10,}|-{10,}")
# Outlook's block: From first, and at least two of the others near it.
_BLOCK_START = re.compile(r"\*?(?:from|von|de|expéditeur|remitente)\s?:\*? *\S")
_BLOCK_FIELD = re.compile(
    r"\*?(?:sent|date|to|cc|subject|gesendet|datum|an|betreff|envoyé|à|objet|enviado(?: el)?|fecha"
    r"|para|asunto)\s?:"
)
_SENT_FROM = re.compile(
    r"(?:sent from|get outlook for|gesendet (?:von|mit)|von meinem .{1,40} gesendet|envoyé (?:de|"
    r"depuis|à partir de)|enviado desde|obten(?:ir|ez|er|ga) outlook|holen sie sich outlook"
    r"|outlook für \w{1,20} beziehen|sent with proton ?mail)\b.{0,100}"
)


@dataclass(frozen=True, slots=True)
class SplitReply:
    """Every line of the text is in one of the three, in its order; '' if there is none."""

    stripped: str
    quoted: str
    signature: str


def split_reply(text: str) -> SplitReply:
    """Takes any text up to `MAX_LENGTH`; of a longer one all is `stripped`."""
    if len(text) > MAX_LENGTH:
        return SplitReply(text, "", "")
    lines = text.split("\n")
    written: list[str] = []
    quoted: list[str] = []
    signature: list[str] = []
    place = 0
    for start, end in _find_quotes(lines):
        _add(lines[place:start], written, signature)
        quoted += lines[start:end]
        place = end
    _add(lines[place:], written, signature)
    return SplitReply(*("\n".join(part).strip() for part in (written, quoted, signature)))


def _find_quotes(lines: list[str]) -> Iterator[tuple[int, int]]:
    """Where quotes are, with the lines that introduce them: first line, and the one behind."""
    number = first = next((n for n, line in enumerate(lines) if line.strip()), len(lines))
    while number < len(lines):
        line = lines[number].strip()
        if not line or (line[0] not in _MAY_BEGIN and line[-1] != ":"):
            number += 1
        elif line[0] == ">":
            end = _find_end_of_marks(lines, number)
            yield number, end
            number = end
        elif length := _measure_attribution(lines, number):
            after = number + length
            while after < len(lines) and not lines[after].strip():
                after += 1
            is_marked = after < len(lines) and lines[after].lstrip().startswith(">")
            end = _find_end_of_marks(lines, after) if is_marked else len(lines)
            yield number, end
            number = end
        elif _is_cut(lines, number, line, is_first=number == first):
            yield number, len(lines)
            return
        else:
            number += 1


def _find_end_of_marks(lines: list[str], start: int) -> int:
    """Behind the last of neighbouring lines with `>`, over empty ones between them."""
    end = start
    for number in range(start, len(lines)):
        line = lines[number].lstrip()
        if line.startswith(">"):
            end = number + 1
        elif line:
            break
    return end


def _measure_attribution(lines: list[str], start: int) -> int:
    """How many lines the attribution takes that begins at `start`; 0 if none does."""
    text = lines[start].strip().replace("\xa0", " ")
    if len(text) > MAX_LINE_LENGTH:
        return 0
    if not text.startswith(_ATTRIBUTION_START):
        return 1 if text.endswith(":") and _ATTRIBUTION.fullmatch(text) else 0
    for number in range(start + 1, start + 1 + MAX_ATTRIBUTION_LINES):
        if text.endswith(":") and _ATTRIBUTION.fullmatch(text):
            return number - start
        following = lines[number].strip() if number < len(lines) else ""
        if not following or len(following) > MAX_LINE_LENGTH:
            return 0
        text += " " + following.replace("\xa0", " ")
    return 0


def _is_cut(lines: list[str], number: int, line: str, *, is_first: bool) -> bool:
    """Whether everything from here on is an older message. A form may begin like a header block."""
    if len(line) > MAX_LINE_LENGTH:
        return False
    lower = line.lower()
    if _SEPARATOR.fullmatch(lower):
        return True
    if _RULE.fullmatch(line) and number + 1 < len(lines):
        number += 1
        lower = lines[number][:MAX_LINE_LENGTH].strip().lower()
    elif is_first:
        return False
    if not _BLOCK_START.match(lower):
        return False
    nearby = lines[number + 1 : number + MAX_BLOCK_LINES]
    return sum(1 for other in nearby if _BLOCK_FIELD.match(other[:40].strip().lower())) >= 2


def _add(lines: list[str], written: list[str], signature: list[str]) -> None:
    """Sorts what stands before, between or behind the quotes."""
    start = _find_signature(lines)
    written += lines[:start]
    signature += lines[start:]


def _find_signature(lines: list[str]) -> int:
    for number, line in enumerate(lines):
        if line.rstrip() == "--":
            return number
    last = len(lines)
    while last and not lines[last - 1].strip():
        last -= 1
    line = lines[last - 1].strip() if last else ""
    if 0 < len(line) <= MAX_LINE_LENGTH and _SENT_FROM.fullmatch(line.lower()):
        return last - 1
    return len(lines)
