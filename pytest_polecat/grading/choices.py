"""Reading the option that a reply chooses."""

import re
from functools import lru_cache

from pytest_polecat.errors import Missed
from pytest_polecat.grading.claims import ANNOUNCED, BOXED, denied, few

_OPENING = r"(?:[\s*_`\"'“‘(\[{$\\:]|(?:text(?:bf)?|mathrm|mathbf|boxed)\{|(?:option|choice|letter)\b){0,16}"
_DECORATION = r"[*_`\"'“”‘’()\[\]{}$]{0,6}"
_ANSWER = r"(?:answer|choice|(?:correct|right|best|final)\s(?:option|letter))\b"
_CHOSEN = r"\b(?:choose|chose|pick|select|selected|go\swith|going\swith)\b(?:\s(?:option|choice|answer)\b)?"
_AFTER_CHOICE = frozenset(
    ("because", "since", "as", "for", "and", "or", "is", "with", "due", "based", "given", "while", "but", "which", "it")
)
_NEXT_WORD = re.compile(r"[^\S\n]+([^\W\d_]+)")


def choice(text: str, options: str = "ABCD") -> str:
    r"""The letter of the option that a reply chooses, as it is written in `options`.

    The last `final answer: C` wins; else what `answer: C`, `the correct option is (C)`, `I choose C`,
    `<answer>C</answer>` and `\boxed{C}` say, if they agree; else the lines that are a lone letter or begin
    with one as `C.`, `C)`, `(C)`, `C:`, `C -`, if they agree; else `C is correct`; else a bold **C**. A letter inside a
    word, the article (`A dog`) and a denied claim (`not A`) are no choice. Small letters will do.

    Raises `Missed` (`extraction_failed`) if nothing is chosen or claims differ, `A or B` included; `ValueError` for
    options that are no letters or digits.
    """
    if not options.isalnum():
        raise ValueError(f"the options of a choice are letters or digits, such as ABCD, not {options!r}")
    for rank, tier in enumerate(_tiers(options)):
        claims = [letters for match in few(tier, text) if (letters := _letters(match, options))]
        found = set().union(*(claims[-1:] if rank == 0 else claims))
        if len(found) > 1:
            raise Missed(f"Expected one choice, found several: {', '.join(sorted(found))}.", "extraction_failed")
        if found:
            return found.pop()
    raise Missed(f"Expected a choice among {', '.join(options)}, found none.", "extraction_failed")


def _letters(match: re.Match[str], options: str) -> set[str]:
    """The options that one match claims: none if it is denied or the letter is an article, two for `A or B`."""
    groups = match.groupdict()
    letter = groups["letter"]
    if denied(match.string, match.start()) or (groups.get("colon") and letter in "Aa"):
        return set()
    following = _NEXT_WORD.match(match.string, match.end("letter"))
    ordinary_word = letter in "AaIi" or letter not in options
    if ordinary_word and following and following[1].casefold() not in _AFTER_CHOICE:
        return set()
    return {_as_in(options, each) for each in (letter, groups.get("also")) if each}


def _as_in(options: str, letter: str) -> str:
    return next(option for option in (letter, letter.upper(), letter.lower()) if option in options)


@lru_cache(maxsize=64)
def _tiers(options: str) -> tuple[re.Pattern[str], ...]:
    """The patterns of claims, the strongest first. Each captures `letter`, and `also` for the second of `A or B`."""
    bounds = r"(?![^\W_]|['’.-][^\W_])"
    exact = rf"(?<![^\W_])(?P<letter>[{options}]){bounds}"
    letter = rf"(?<![^\W_])(?P<letter>[{options}{options.lower()}{options.upper()}]){bounds}"
    also = (
        rf"(?:{_DECORATION}\s{{0,2}}(?:(?i:or|and)\b|[,/&+])\s{{0,2}}(?:(?i:or|and)\b)?\s?{_DECORATION}"
        rf"(?P<also>[{options}]){bounds}(?!\s+(?:is|was|are|isn)\b))?"
    )
    lead = rf"^[^\S\n]*+(?:[-*>•][^\S\n])?{_DECORATION}{letter}"
    lone = rf"{also}{_DECORATION}[.)]?{_DECORATION}[^\S\n]*+$"
    before_text = rf"{_DECORATION}(?:[.)]|(?P<colon>:)){_DECORATION}[^\S\n]|[^\S\n][-–—][^\S\n]"
    tiers = (
        rf"(?i:\bfinal\s{{1,3}}(?:answer|choice|option)\b{ANNOUNCED}{_OPENING}){letter}{also}",
        rf"(?i:(?:\b{_ANSWER}{ANNOUNCED}|{_CHOSEN}|{BOXED}){_OPENING}){letter}{also}",
        rf"{lead}(?:{lone}|{before_text})",
        rf"{exact}{_DECORATION}\s(?i:is\s(?:the\s)?(?:correct|right|best|answer))\b",
        rf"\*\*\(?{exact}[.)]?\*\*",
    )
    return tuple(re.compile(tier, re.MULTILINE) for tier in tiers)
