"""What stands around a number that makes it one of several, or a part of another: lists, alternatives, roots."""

import re

_JOINING = r"\b(?:or|and|to|maybe|perhaps|possibly|probably|alternatively|else|also|even|either|otherwise)\b"
_MARKS = r"(?:[\s*_`$()\[\]{}\"'“”’]|\\[()\[\]{}]|\\q?quad\b){0,6}"
_WORD = r"(?!(?:is|was|are|isn|both)\b)[^\W\d_][^\W\d]{0,19}(?![^\W_])(?:/[^\W\d]{1,9})?"
_UNIT = rf"(?P<unit>(?:\s?(?:{_WORD}|[%‰°€£¥])){{0,2}}?)"

_HEDGE = re.compile(r"[^\w.\n]{1,4}(?:or|and|(?P<to>to))\b[^\w\n]{1,4}|\s{0,2}[-+*/×÷·]\s{0,2}", re.IGNORECASE)
_LISTED = re.compile(
    rf"{_UNIT}(?:{_MARKS}(?:(?P<joined>[,;&|/]?{_MARKS}{_JOINING}(?:[/,]?{_MARKS}{_JOINING}){{0,2}})"
    rf"|\\?[,;&|~–—…]|\.{{2,3}}){_MARKS}|[*_`$]{{0,3}}\s{{1,3}}[*_`$]{{0,3}})",
    re.IGNORECASE,
)
_END_OF_ITEM = re.compile(
    rf"(?=[^\S\n]\d)|{_UNIT}{_MARKS}(?:(?P<last>\Z|[.!?](?![^\W_])|[)\]}}(])|[,;&|…\n]|{_JOINING}|\b(?:are|both)\b)",
    re.IGNORECASE,
)
_NAME = r"\\?(?P<name>[^\W\d_₀-₉]{1,9})[_{}₀-₉\d]{0,6}['’]{0,2}\s?="
_EQUATED = re.compile(rf"{_MARKS}(?:[,;&|]{_MARKS})?(?:(?P<or>or)\b|and\b)?{_MARKS}{_NAME}{_MARKS}", re.IGNORECASE)
_NAMED = re.compile(rf"(?<![^\W_]){_NAME}{_MARKS}\Z")
_MONTH = re.compile(r"\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.?\s\W?\Z", re.IGNORECASE)
_CHANGE = re.compile(r"\b(?:from|by)\s\W{0,4}\Z", re.IGNORECASE)

_ROOT = r"(?:√|∛|\\?\bsqrt)"
_AFTER_IRRATIONAL = re.compile(
    rf"(?:{_ROOT}\s?(?:\[\d{{0,2}}\]?)?\s?[({{]?\s?(?:\d{{1,9}}[)}}]{{0,2}}\s?[-+*/×·]\s?)?|(?:π|\bpi)\s?[-+*/×·]\s?)[-+(]?\Z"
)
_BOTH_SIGNS = re.compile(r"(?:±|\\pm|\bplus or minus)\s?\Z", re.IGNORECASE)
_BEFORE_IRRATIONAL = re.compile(rf"\s?(?:[-+*/×·±]|\\pm)?\s?\d{{0,9}}\s?(?:{_ROOT}|π|\\?pi\b)")


def side_by_side(text: str, one: re.Match[str], other: re.Match[str], *, claimed: bool) -> bool:
    """Whether two neighbouring numbers of a text are items of a list, alternatives, or operands: `3, 4`, `3 or 4`.

    A comma may also lead to a remark: in `42, 6 for each child` something follows the second number that is none of its
    unit. In a text that is not `claimed` to be an answer, `5, 8 apples` may tell of day 5, and `by 36 to 204` of a
    change.
    """
    before, between = text[max(0, one.start() - 30) : one.start()], text[one.end() : other.start()]
    hedge = _HEDGE.fullmatch(between)
    if hedge:
        return claimed or not (hedge["to"] and _CHANGE.search(before))
    equated, named = _EQUATED.fullmatch(between), _NAMED.search(before)
    if equated and named:
        return equated["or"] is not None or equated["name"] == named["name"]
    listed = _LISTED.fullmatch(between)
    return bool(listed and not _MONTH.search(before) and _is_item(listed, text, other.end(), claimed=claimed))


def in_a_term(text: str, number: re.Match[str]) -> bool:
    """Whether a number is a part of a term with a root, π, or both signs: `√2`, `3π`, `2 - √3`, `±2`."""
    before = text[max(0, number.start() - 24) : number.start()]
    return bool(
        _BOTH_SIGNS.search(before) or _AFTER_IRRATIONAL.search(before) or _BEFORE_IRRATIONAL.match(text, number.end())
    )


def _is_item(listed: re.Match[str], text: str, at: int, *, claimed: bool) -> bool:
    """Whether what follows the second number at `at` lets it be an item beside the first one."""
    end = _END_OF_ITEM.match(text, at)
    first, second = _unit(listed), _unit(end) if end else None
    if listed["joined"]:
        return not first or second in ("", first)
    ends = end is not None and end["last"] is not None
    return second == first or (claimed and ends and not first and " " not in (second or ""))


def _unit(match: re.Match[str]) -> str:
    return (match["unit"] or "").strip().casefold().removesuffix("s")
