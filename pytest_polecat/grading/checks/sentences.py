"""Cutting text into sentences.

A sentence ends at `.`, `!`, `?` or `…` (and closing quotes, brackets and emphasis after it) before white space or the
end, and at the full-width `。！？` anywhere. Full stops of abbreviations (`Dr.`, `e.g.`, `No. 5`), initials (`J. K.`),
decimals and addresses end none; neither does an ellipsis that a small letter follows, nor a quotation that goes on in
lower case (`"Stop!" he said.`). Abbreviations may be spaced (`z. B.`), and a lone capital before a small letter is one
(`E. coli`). Where an abbreviation may end a sentence (`etc.`, `p.m.`, `U.S.`), the next word decides. Blank lines,
headings and list items end a sentence, so a last piece without an end mark counts as one; a piece without letter or
digit does not. A line that ends in a comma, such as a salutation, goes on after the blank line.
"""

import re
from collections.abc import Iterator

from pytest_polecat.grading.checks.text import plain

_CLOSERS = "\"'”’»«›‹)\\]}*_`」』】）"
_END = re.compile(rf"(?:([。！？｡])|[.!?…]++)[.!?…。！？｡]*+([{_CLOSERS}]*+)(\s++|\Z)?")
_BLOCK = re.compile(r"\n[^\S\n]*+\n\s*|\n(?=[^\S\n]*+(?:[-*+•][^\S\n]|\d{1,9}[.)][^\S\n]|#{1,6}[^\S\n]|>))")
_HEADING = re.compile(r"\s*+#{1,6}[^\S\n][^\n]*+\n")
_MARKER = re.compile(r"\s*+(?:[-*+•>]|\d{1,9}[.)]|#{1,6})[^\S\n]++")
_LAST_TOKEN = re.compile(r"[^\s(\[{\"'“‘„«*_`]+\Z")
_INITIALISM = re.compile(r"[^\W\d_](?:\.[^\W\d_])++")
_LABELLED = re.compile(
    r"\b(?:vitamin[es]?|plan|option|type|grade|group|class|part|team|section|answer|choice|hepatitis|typ|gruppe|teil)"
    r"\s[A-Z]\Z",
    re.IGNORECASE,
)
_RUNS_ON = re.compile(r"[,，،][^\S\n]{0,3}[*_]{0,3}[^\S\n]{0,3}\Z")
_HIRAGANA = re.compile("[\u3040-\u309f]")
_NEXT_WORD = re.compile(rf"[{_CLOSERS}(\[{{“‘„]*+([^\W_]++)")


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_NEVER_LAST = _set(
    """
    dr mr mrs ms mt prof messrs mme mlle vs e.g i.e cf approx capt lt sgt z.b d.h d.i ca bzw bspw hr fr sra dra
    dott sig ing al resp p.ex p.ej p.es c.-à-d env
    """
)
_BEFORE_NUMBER = _set(
    """
    no nr núm fig figs p pp vol ch sec art ed eq tab abs kap jan feb mar apr jun jul aug sep sept oct nov
    dec
    """
)
_BEFORE_SMALL = _set("etc usw min max est dept lb lbs oz tbsp tsp")
_MAY_BE_LAST = _set(
    """
    a.m p.m u.s u.k u.n e.u d.c b.c a.d b.c.e c.e ph.d m.d b.a m.a inc ltd co corp jr sr bros st ave blvd rd
    gen col rev hon gov sen rep pres ft u.a u.ä o.ä o.g s.o s.u v.a u.u z.t i.a m.e i.d.r u.v.m u.s.w n.chr v.chr
    j.-c av
    """
)
_STARTERS = _set(
    """
    a an the this that these those he she it they we you i in on at by for from to after before when while
    if as but and so then there here however its his her their our my what why how who where der die das ein
    eine er sie es wir ich dann danach dort hier diese dieser dieses auch aber doch man im am le la les un une il elle
    ils el los las
    """
)
_SPACED = re.compile(
    r"(?<![^\W_])(?:"
    + "|".join(
        r"\.\s?".join(map(re.escape, name.split(".")))
        for name in sorted(_NEVER_LAST | _MAY_BE_LAST, key=lambda name: (-len(name), name))
        if "." in name and "-" not in name
    )
    + r")\.",
    re.IGNORECASE,
)
_JOINER = "\u2060"
"""What `plain` leaves in no text: it stands for the white space inside an abbreviation, which ends nothing."""
_GERMAN_MONTHS = _set("januar februar märz april mai juni juli august september oktober november dezember")


def sentences(text: str) -> list[str]:
    """The sentences of a text, as written but for white space at their ends."""
    return [sentence for block in _blocks(plain(text)) for sentence in _cut(block)]


def _blocks(text: str) -> Iterator[str]:
    for piece in _pieces(text):
        heading = _HEADING.match(piece)
        if heading:
            yield heading[0]
        body = piece[heading.end() :] if heading else piece
        marker = _MARKER.match(body)
        yield body[marker.end() :] if marker else body


def _pieces(text: str) -> Iterator[str]:
    start = 0
    for match in _BLOCK.finditer(text):
        before = text[max(start, match.start() - 10) : match.start()]
        if not _RUNS_ON.search(before) or _MARKER.match(text, match.end()):
            yield text[start : match.start()]
            start = match.end()
    yield text[start:]


def _cut(block: str) -> Iterator[str]:
    start = 0
    joined = _SPACED.sub(lambda match: re.sub(r"\s", _JOINER, match[0]), block)
    for match in _END.finditer(joined):
        if _ends(joined, match, start):
            yield from _real(block[start : match.end()])
            start = match.end()
    yield from _real(block[start:])


def _real(piece: str) -> Iterator[str]:
    if any(map(str.isalnum, piece)):
        yield piece.strip()


def _ends(block: str, match: re.Match[str], start: int) -> bool:
    """Whether an end mark at `match` ends the sentence that began at `start`."""
    if match.end() == len(block):
        return True
    closers = match[2].strip("*_`")
    following = _NEXT_WORD.match(block, match.end())
    word = following[1] if following else ""
    if match[1]:
        return not (closers and match[3] is None and _HIRAGANA.match(word))
    if match[3] is None:
        return False
    small = word[:1].islower()
    marks = block[match.start() : match.start(2)]
    if small and (closers or (marks.endswith(("…", "..")) and not marks.strip("…."))):
        return False
    return marks != "." or not _abbreviated(block[max(start, match.start() - 40) : match.start()], word)


def _abbreviated(before: str, word: str) -> bool:
    """Whether the full stop after the text `before` belongs to its last word, with `word` following."""
    match = _LAST_TOKEN.search(before)
    last = match[0] if match else ""
    name = last.replace(_JOINER, "").casefold()
    capital = word[:1].isupper()
    starter = capital and word.casefold() in _STARTERS
    if len(last) == 1 and last.isupper() and last != "I" and word[:1].isalpha():
        return not starter and not (capital and _LABELLED.search(before))
    if name in _MAY_BE_LAST or _INITIALISM.fullmatch(last) is not None:
        return not starter
    return (
        name in _NEVER_LAST
        or (name in _BEFORE_NUMBER and word[:1].isdigit())
        or (name in _BEFORE_SMALL and not capital)
        or (last.isdecimal() and len(last) <= 2 and word.casefold() in _GERMAN_MONTHS)
    )
