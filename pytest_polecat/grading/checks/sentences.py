"""Cutting text into sentences.

A sentence ends at `.`, `!`, `?` or `…` (and closing quotes, brackets and emphasis after it) before white space or the
end, and at the full-width `。！？` anywhere. Full stops of abbreviations (`Dr.`, `e.g.`, `No. 5`), initials (`J. K.`),
decimals and addresses end none; neither does an ellipsis that a small letter follows, nor a quotation that goes on in
lower case (`"Stop!" he said.`). Where an abbreviation may end a sentence (`etc.`, `p.m.`, `U.S.`), the next word
decides. Blank lines, headings and list items end a sentence, so a last piece without an end mark counts as one; a piece
without letter or digit does not.
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
_HIRAGANA = re.compile("[\u3040-\u309f]")
_NEXT_WORD = re.compile(rf"[{_CLOSERS}(\[{{“‘„]*+([^\W_]++)")


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_NEVER_LAST = _set(
    """
    dr mr mrs ms mt prof messrs mme mlle vs e.g i.e cf approx capt lt sgt z.b d.h ca bzw bspw hr fr sra dra
    dott sig ing al resp
    """
)
_BEFORE_NUMBER = _set(
    """
    no nr núm fig figs p pp vol ch sec art ed eq tab abs kap jan feb mar apr jun jul aug sep sept oct nov
    dec
    """
)
_BEFORE_SMALL = _set("etc usw u.a min max est dept lb lbs oz tbsp tsp")
_MAY_BE_LAST = _set(
    """
    a.m p.m u.s u.k u.n e.u d.c b.c a.d b.c.e c.e ph.d m.d b.a m.a inc ltd co corp jr sr bros st ave blvd rd
    gen col rev hon gov sen rep pres ft
    """
)
_STARTERS = _set(
    """
    a an the this that these those he she it they we you i in on at by for from to after before when while
    if as but and so then there here however its his her their our my what why how who where der die das ein
    eine er sie es wir ich le la les un une il elle ils el los las
    """
)
_GERMAN_MONTHS = _set("januar februar märz april mai juni juli august september oktober november dezember")


def sentences(text: str) -> list[str]:
    """The sentences of a text, as written but for white space at their ends."""
    return [sentence for block in _blocks(plain(text)) for sentence in _cut(block)]


def _blocks(text: str) -> Iterator[str]:
    for piece in _BLOCK.split(text):
        heading = _HEADING.match(piece)
        if heading:
            yield heading[0]
        body = piece[heading.end() :] if heading else piece
        marker = _MARKER.match(body)
        yield body[marker.end() :] if marker else body


def _cut(block: str) -> Iterator[str]:
    start = 0
    for match in _END.finditer(block):
        if _ends(block, match, start):
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
    name = last.casefold()
    capital = word[:1].isupper()
    starter = capital and word.casefold() in _STARTERS
    initials = name in _MAY_BE_LAST or _INITIALISM.fullmatch(last) is not None
    if initials or (len(last) == 1 and last.isupper() and last != "I" and capital):
        return not starter
    return (
        name in _NEVER_LAST
        or (name in _BEFORE_NUMBER and word[:1].isdigit())
        or (name in _BEFORE_SMALL and not capital)
        or (last.isdecimal() and len(last) <= 2 and word.casefold() in _GERMAN_MONTHS)
    )
