r"""Cutting a reply into the units that checks count: lines, paragraphs, list items, words; and whole-word search.

Every function is linear in the length of the text. `plain` is what they work on: Unicode NFC, line breaks as `\n`,
without soft hyphens, zero-width spaces and all else that Unicode wants ignored when it is shown. Words follow the
spirit of Unicode's text segmentation (UAX #29); where the scripts written without spaces leave no boundary between
letters, each ideograph and each kana counts as a word.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from pytest_polecat.grading.fences import without_fences

QUOTE_LIMIT = 80
"""Characters of a model's text that a message quotes."""

_IGNORABLE = (
    (0x00AD, 0x00AD), (0x034F, 0x034F), (0x061C, 0x061C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F),
    (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF),
)  # fmt: skip
"""Unicode's property Default_Ignorable_Code_Point (DerivedCoreProperties.txt): what shows nothing by itself."""

_INVISIBLE = {code: None for first, last in _IGNORABLE for code in range(first, last + 1)}
_LOOK_ALIKES = str.maketrans(
    "аеорсухѕіјԁһԛԝАВЕКМНОРСТХЅІЈԌαεικνορτυχΑΒΕΖΗΙΚΜΝΟΡΤΥΧı",
    "aeopcyxsijdhqwABEKMHOPCTXSIJGaeikvoptuxABEZHIKMNOPTYXi",
)
_INNER_EMPHASIS = re.compile(r"(?<=[^\W\d_])(\*{1,3})([^\s*]{1,60})\1|(\*{1,3})([^\s*]{1,60})\3(?=[^\W\d_])")
_LETTERS = re.compile(r"[^\W\d_]++")
_LATIN = re.compile("[A-Za-z]")
_LINE_BREAKS = re.compile("\r\n?|\u2028|\u2029")
_BLANK_LINES = re.compile(r"\n[^\S\n]*+\n\s*")
_UNSPACED = "\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_BOUND = re.compile(rf"[^\W_{_UNSPACED}\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]")
_LETTER = rf"[^\W_{_UNSPACED}]"
_WORD = re.compile(
    rf"[{_UNSPACED}]"
    r"|[^\W\d_](?:\.[^\W\d_](?![^\W_]))++"  # initialisms: U.S., e.g., a.m.
    rf"|{_LETTER}++(?:(?:['’‐‑_-]|(?<=\d)[.,](?=\d)){_LETTER}++)*+"
)
_NUMBERING = re.compile(r"^[^\S\n]*+\d{1,9}[.)](?=[^\S\n])", re.MULTILINE)
_ITEM = re.compile(r"([ \t]*+)(?:([-*+•])|(\d{1,9})([.)]))[ \t]++(\S.*)")
_RULE = re.compile(r"[ \t]*+([-*_])(?:[ \t]*+\1){2,}[ \t]*+")


@dataclass(frozen=True)
class Item:
    """One list item: its text, its number (None for a bullet), and its marker (`1.` or `1)` for any number)."""

    text: str
    number: int | None
    marker: str


@dataclass(frozen=True)
class ItemList:
    """The top-level items of a text, and the first line that belongs to no list (None: there is none)."""

    items: tuple[Item, ...]
    stray: str | None


def blank(text: str) -> bool:
    """Whether there is nothing to see: only white space, control and other invisible characters."""
    if not text.isascii():
        text = text.translate(_INVISIBLE)
    return not any(character.isprintable() and not character.isspace() for character in text)


def quote(text: str, limit: int = QUOTE_LIMIT) -> str:
    """A piece of a model's text for a message: in double quotes, on one line, printable, at most `limit` characters."""
    line = " ".join(text[: limit * 4].split())
    shown = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in line)
    cut = len(shown) > limit or len(text) > limit * 4
    return f'"{shown[: limit - 1]}…"' if cut else f'"{shown}"'


def plain(text: str) -> str:
    r"""The text in Unicode NFC, with `\n` for every line break and without what is never shown."""
    text = _LINE_BREAKS.sub("\n", text)
    if text.isascii():
        return text
    return unicodedata.normalize("NFC", stream_safe(text.translate(_INVISIBLE)))


def stream_safe(text: str) -> str:
    """The text with at most 30 combining marks in a row, as UAX #15 wants it: longer runs take quadratic time."""
    marks = _marks_in(text)
    return re.sub(f"([{marks}]{{30}})[{marks}]++", r"\1", text) if marks else text


def fold(text: str) -> str:
    """The text for comparing without regard to case, and with straight apostrophes."""
    return plain(plain(text).replace("’", "'").casefold())


def unmasked(text: str) -> str:
    """The text as a reader takes it: styled and full-width letters plain, no emphasis inside words, no look-alikes.

    Letters of other scripts that look like Latin ones become these in words that have Latin letters too.
    """
    shown = _INNER_EMPHASIS.sub(lambda match: match[2] or match[4], unicodedata.normalize("NFKC", plain(text)))
    return shown if shown.isascii() else _LETTERS.sub(_without_look_alikes, shown)


def _without_look_alikes(word: re.Match[str]) -> str:
    return word[0].translate(_LOOK_ALIKES) if _LATIN.search(word[0]) else word[0]


def lines(text: str) -> list[str]:
    """The lines that are not blank, without white space at their end."""
    return [line.rstrip() for line in plain(text).split("\n") if line and not blank(line)]


def has_blank_line(text: str) -> bool:
    """Whether a blank line stands inside the text (those at its ends do not count)."""
    return _BLANK_LINES.search(plain(text).strip()) is not None


def paragraphs(text: str) -> list[str]:
    """The pieces between blank lines that hold a letter or digit (a rule such as `***` is no paragraph)."""
    return [piece for piece in _BLANK_LINES.split(plain(text).strip()) if any(map(str.isalnum, piece))]


def words(text: str) -> list[str]:
    """The words as written.

    A word is a run of letters, digits and their marks; single apostrophes, hyphens and underscores inside join
    (`don't`, `well-known`), as do points and commas between digits (`3.14`, `1,000`) and points between single letters
    (`U.S.`). Bullets, dashes, punctuation, emoji and the numbers of a numbered list are no words.
    """
    text = _NUMBERING.sub("", plain(text))
    joined = text.translate(dict.fromkeys(map(ord, _mark_characters(text)), "a"))
    return [text[match.start() : match.end()] for match in _WORD.finditer(joined)]


def items(text: str) -> ItemList:
    """The top-level list items, outside code fences.

    A marker is `-`, `*`, `+`, `•`, or a number with `.` or `)`, followed by a space and some text. Items indented by
    two columns or more beyond the outermost are nested, and indented lines after an item continue it.
    """
    found: list[tuple[int, Item]] = []
    others: list[tuple[int, str, bool]] = []
    for line in without_fences(plain(text)).split("\n"):
        if not line or blank(line):
            continue
        match = None if _RULE.fullmatch(line) else _ITEM.match(line)
        if match is None:
            others.append((_column(line), line.strip(), bool(found)))
        else:
            number = None if match[3] is None else int(match[3])
            found.append((_column(match[1]), Item(match[5].strip(), number, match[2] or "1" + match[4])))
    outermost = min((column for column, _ in found), default=0)
    top = tuple(item for column, item in found if column < outermost + 2)
    stray = next((line for column, line, after_item in others if not (after_item and column > outermost)), None)
    return ItemList(top, stray)


class WordSearch:
    """Finds words and phrases in a text: as whole words unless `substring`, in any case unless `case_sensitive`.

    White space in a phrase stands for any white space. Apostrophes, hyphens and underscores bound words here.
    """

    def __init__(self, text: str, *, case_sensitive: bool = False, substring: bool = False) -> None:
        self._normalise = plain if case_sensitive else fold
        self._substring = substring
        self._text = self._normalise(text)

    def has(self, phrase: str) -> bool:
        """Whether the phrase occurs."""
        return next(self._find(phrase), None) is not None

    def count(self, phrase: str) -> int:
        """How often the phrase occurs, without overlaps."""
        return sum(1 for _ in self._find(phrase))

    def _find(self, phrase: str) -> Iterator[int]:
        parts = self._normalise(phrase).split()
        pattern = re.compile(r"\s++".join(map(re.escape, parts)) if self._substring else _whole_words(parts))
        at = 0
        while parts and (match := pattern.search(self._text, at)):
            if self._substring or not (self._cuts_word(match.start()) or self._cuts_word(match.end())):
                yield match.start()
                at = match.end()
            else:
                at = match.start() + 1

    def _cuts_word(self, at: int) -> bool:
        """Whether combining marks, which the pattern does not know, join the characters before and after `at`."""
        if not 0 < at < len(self._text):
            return False
        before, after = self._text[at - 1], self._text[at]
        if after.isascii() and before.isascii():
            return False
        return is_mark(after) or (is_mark(before) and _BOUND.match(after) is not None)


def _whole_words(parts: list[str]) -> str:
    pattern = r"\s++".join(map(re.escape, parts))
    before = f"(?<!{_BOUND.pattern})" if parts and _BOUND.match(parts[0]) else ""
    after = f"(?!{_BOUND.pattern})" if parts and _BOUND.match(parts[-1][-1]) else ""
    return before + pattern + after


def is_mark(character: str) -> bool:
    """Whether it is a combining mark, which belongs to the letter before it."""
    return unicodedata.category(character).startswith("M")


def _mark_characters(text: str) -> list[str]:
    return [] if text.isascii() else [character for character in set(text) if is_mark(character)]


def _marks_in(text: str) -> str:
    return "".join(map(re.escape, _mark_characters(text)))


def _column(line: str) -> int:
    indent = line[: len(line) - len(line.lstrip())]
    return len(indent.expandtabs(4))
