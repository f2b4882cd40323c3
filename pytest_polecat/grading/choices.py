"""Reading the option that a reply chooses."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from pytest_polecat.errors import Missed
from pytest_polecat.grading.claims import ANNOUNCED, BOXED, denied, few

_ADVERB = r"(?:therefore|thus|hence|then|clearly|indeed|simply|obviously|definitely|probably|maybe|most\slikely)\b,?"
_OPENING = (
    r"(?:[\s*_`\"'“‘(\[{<$\\:]|(?:text(?:bf|sf)?|mathrm|mathbf|boxed)\{"
    rf"|(?:the|option|choice|letter)\b|{_ADVERB}){{0,16}}"
)
_DECORATION = r"[*_`\"'“”‘’()\[\]{}$]{0,6}"
_ANSWER = r"(?<![^\W_])(?:answer|choice|(?:correct|right|best|final)\s(?:option|letter))\b"
_IS = rf"(?:{ANNOUNCED}|['’]s\s)"
_CHOSEN = r"\b(?:choose|chose|pick|select|selected|go\swith|going\swith)\b(?:\s(?:option|choice|answer)\b)?"
_HEDGE = r"(?:,?\s?(?:or|and|else|even|maybe|perhaps|possibly|probably|potentially|alternatively|also|less\slikely)\b)"
_BEFORE_SECOND = r"(?:\s|\\[ ,;]|\\q?quad\b){0,3}(?:\\(?:text(?:bf|sf)?|mathrm|mathbf)\{)?"
_REASON = r"\b(?:because|since|as|not|than|while|whereas|but|if|when|so)\b"
_AFTER_CHOICE = frozenset(
    ("because", "since", "as", "for", "and", "or", "is", "with", "due", "based", "given", "while", "but", "which", "it")
)
_NEXT_WORD = re.compile(r"[^\S\n]+([^\W\d_]+)")
_WORD = re.compile(r"[^\W_]+")
_SUPPOSED = re.compile(
    r"\b(?:(?:suppos|assum|imagin|pretend)(?:e|es|ed|ing)?|thought)\s(?:that\s)?(?:the\s)?(?:[^\W_]+\s)?\Z",
    re.IGNORECASE,
)
_REVISED = re.compile(r"\b(?:wait|no|actually|correction|instead|mistake|wrong)\b", re.IGNORECASE)
_NEAR = 8
"""Words between two claims from which on the later one is a correction of the earlier; with fewer they contradict."""


@dataclass(frozen=True)
class _Claim:
    """The options that one place of a reply claims, and how strongly it is marked as the answer."""

    letters: frozenset[str]
    start: int
    end: int
    rank: int = 0


def choice(text: str, options: str = "ABCD") -> str:
    r"""The letter of the option that a reply chooses, as it is written in `options`.

    The last answer that is marked as such counts: `Final answer: C`, `\boxed{C}`, or a line that begins with
    `**Answer:** C`; without any of them the last of `the answer is C`, `the correct option is (C)`, `I choose C`. Else
    it is the last line that is a lone letter; else the lines that begin with one as `C.`, `C)`, `(C)`, `C:`, `C -`, if
    they agree; else `C is correct`; else a bold **C**. A letter inside a word, the article (`A dog`), a denied claim
    (`not A`) and a supposed one (`suppose the answer is A`) are no choice. Small letters will do.

    Two different marked answers right after each other are no answer, unless words such as `wait` or `no` take the
    first one back; nor is a marked answer which a later sentence contradicts; nor `A or B`.

    Raises `Missed` (`extraction_failed`) if nothing is chosen or claims differ; `ValueError` for options that are no
    letters or digits.
    """
    if not options.isalnum():
        raise ValueError(f"the options of a choice are letters or digits, such as ABCD, not {options!r}")
    patterns = _patterns(options)
    found = _last(text, _marked(text, options, patterns)) or _last(text, _claims(text, options, patterns.lone))
    for pattern in patterns.others:
        if not found:
            found = frozenset[str]().union(*(claim.letters for claim in _claims(text, options, pattern)))
    if len(found) > 1:
        raise Missed(f"Expected one choice, found several: {', '.join(sorted(found))}.", "extraction_failed")
    if not found:
        raise Missed(f"Expected a choice among {', '.join(options)}, found none.", "extraction_failed")
    return next(iter(found))


def supposed(text: str, at: int) -> bool:
    """Whether the words right before a claim that starts at `at` only suppose it (`suppose the answer is …`)."""
    return _SUPPOSED.search(text[max(0, at - 50) : at]) is not None


def _marked(text: str, options: str, patterns: "_Patterns") -> list[_Claim]:
    """The claims that announce an answer, in the order of the text; of two at one letter the one of the higher rank."""
    best: dict[int, _Claim] = {}
    for rank, pattern in enumerate((patterns.said, patterns.line, patterns.final)):
        best |= {claim.end: claim for claim in _claims(text, options, pattern, rank)}
    return [best[end] for end in sorted(best)]


def _last(text: str, claims: Sequence[_Claim]) -> frozenset[str]:
    """What the last of the most explicit claims says, with what contradicts it."""
    if not claims:
        return frozenset()
    last = [claim for claim in claims if claim.rank or not any(each.rank for each in claims)][-1]
    rivals = (
        claim.letters
        for claim in claims
        if claim.start > last.start or (claim.rank >= last.rank and _near(text, claim, last))
    )
    return last.letters.union(*rivals)


def _near(text: str, claim: _Claim, later: _Claim) -> bool:
    """Whether nothing between two claims explains why the later one replaces the earlier."""
    between = text[claim.end : later.start]
    if len(between) > 60 * _NEAR or _REVISED.search(between):
        return False
    rest_of_line, line_break, gap = between.partition("\n")
    return len(_WORD.findall(gap if line_break else rest_of_line)) < _NEAR


def _claims(text: str, options: str, pattern: re.Pattern[str], rank: int = 0) -> list[_Claim]:
    found = ((_letters(match, options), match) for match in few(pattern, text))
    return [_Claim(letters, match.start(), match.end("letter"), rank) for letters, match in found if letters]


def _letters(match: re.Match[str], options: str) -> frozenset[str]:
    """The options that one match claims: none if it is denied or the letter is an article, two for `A or B`."""
    text, letter = match.string, match["letter"]
    if denied(text, match.start()) or supposed(text, match.start()):
        return frozenset()
    if (match.groupdict().get("colon") and letter in "Aa") or _is_word(match, "letter", options):
        return frozenset()
    also = _patterns(options).also.match(text, match.end("letter"))
    second = next((name for name, found in also.groupdict().items() if found), None) if also else None
    named = [letter]
    if also and second and not _is_word(also, second, options):
        named.append(also[second])
    return frozenset(_as_in(options, each) for each in named)


def _is_word(match: re.Match[str], group: str, options: str) -> bool:
    """Whether the letter is an ordinary word (`a dog`, `I think`) by what follows it."""
    letter = match[group]
    following = _NEXT_WORD.match(match.string, match.end(group))
    ordinary = letter in "AaIi" or letter not in options
    return ordinary and following is not None and following[1].casefold() not in _AFTER_CHOICE


def _as_in(options: str, letter: str) -> str:
    return next(option for option in (letter, letter.upper(), letter.lower()) if option in options)


@dataclass(frozen=True)
class _Patterns:
    """The patterns of claims for one set of options; each captures `letter`. `also` matches right behind it."""

    said: re.Pattern[str]
    line: re.Pattern[str]
    final: re.Pattern[str]
    lone: re.Pattern[str]
    others: tuple[re.Pattern[str], ...]
    also: re.Pattern[str]


@lru_cache(maxsize=64)
def _patterns(options: str) -> _Patterns:
    bounds = r"(?![^\W_]|['’.-][^\W_]|\+\+|\#)"
    one = rf"[{options}]"
    exact = rf"(?<![^\W_])(?P<letter>{one}){bounds}"
    letter = rf"(?<![^\W_])(?P<letter>[{options}{options.lower()}{options.upper()}]){bounds}"
    lead = rf"^[^\S\n]*+(?:[-*>•][^\S\n])?{_DECORATION}{letter}"
    before_text = rf"{_DECORATION}(?:[.)]|(?P<colon>:)){_DECORATION}[^\S\n]|[^\S\n][-–—][^\S\n]"
    return _Patterns(
        said=_compiled(rf"(?i:(?:{_ANSWER}{_IS}|{_CHOSEN}){_OPENING}){letter}"),
        line=_compiled(rf"(?i:(?:^[\W\d_]{{0,20}}?{_ANSWER}{_IS}|{BOXED}|<answer>){_OPENING}){letter}"),
        final=_compiled(rf"(?i:(?<![^\W_])final\s{{1,3}}(?:answer|choice|option)\b{_IS}{_OPENING}){letter}"),
        lone=_compiled(rf"{lead}(?={_second(one, bounds)}?{_DECORATION}[.)]?{_DECORATION}[^\S\n]*+$)"),
        others=(
            _compiled(rf"{lead}(?:{before_text})"),
            _compiled(rf"{exact}{_DECORATION}\s(?i:is\s(?:the\s)?(?:correct|right|best|answer))\b"),
            _compiled(rf"\*\*\(?{exact}[.)]?\*\*"),
        ),
        also=_compiled(
            rf"{_second(rf'(?P<near>{one})', bounds)}"
            rf"|{_DECORATION}\s{{1,2}}[*_`$(\[]{{0,4}}(?P<beside>{one})[*_`$)\]]{{0,4}}[^\S\n]*+(?:[.;]|$)"
            rf"|{_DECORATION}[.):](?:(?!{_REASON})[^\n.!?]){{1,80}}?\b(?i:or|and)\s{_DECORATION}(?P<far>{one})[.):]"
        ),
    )


def _second(letter: str, bounds: str) -> str:
    """The pattern of what follows a letter where a second one is offered beside it: `or B`, `, possibly B`, `/B`."""
    joined = rf"(?:(?:\\?[,;/|&+–—~…-]|\.\.\.){_HEDGE}{{0,2}}|\(?(?i:{_HEDGE}){{1,3}},?)"
    return (
        rf"(?:{_DECORATION}\s{{0,2}}{joined}{_BEFORE_SECOND}{_DECORATION}{letter}{bounds}(?!\s+(?:is|was|are|isn)\b))"
    )


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.MULTILINE)
