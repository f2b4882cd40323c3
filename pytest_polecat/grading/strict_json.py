"""Reading JSON as RFC 8259 defines it, and nothing looser."""

import json
import math
import re
from collections.abc import Iterator
from typing import Any, Literal, NoReturn

from pytest_polecat.errors import Missed
from pytest_polecat.grading.fences import fences, without_fences

Around = Literal["none", "fence", "text"]
"""What may stand around the value: nothing, at most one code fence, or prose."""

MAX_DEPTH = 100
"""Levels of nesting that are read: deeper values are refused, so that nothing that walks them can overflow."""

MAX_LENGTH = 1_000_000
"""Characters of a JSON text that are read."""

MAX_DIGITS = 300
"""Characters of a number that are read: any such integer still fits a float, and converting it takes no time."""

_MAX_RESTARTS = 3
_DEPTH = {"[": 1, "{": 1, "]": -1, "}": -1}
_OPENER = re.compile(r"[\[{]")
_TOKEN = re.compile(r'[\[{]|[\]}]|"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_MEANT_AS_JSON = re.compile(r'\{\s*+["}]|\[\s*+[\[{"]')


def json_value(text: str, around: Around = "none") -> Any:
    """The one JSON value of a text.

    Refused are NaN and Infinity, numbers beyond the range of a double or longer than `MAX_DIGITS`, duplicate keys,
    nesting beyond `MAX_DEPTH`, more than `MAX_LENGTH` characters, and anything after the value. Around the value may
    stand, by `around`: `none` (the default) white space only; `fence` also one closed fence; `text` any prose:
    the value is then that of the only fence (the only one marked `json` if there are several), else the only outermost
    `{…}` or `[…]` that is JSON.

    Raises `Missed` with the mode `extraction_failed` if there is no such value, `format_violation` if there is one but
    more stands around it than may.
    """
    if around == "text":
        return _within_text(text)
    try:
        return _parse(text)
    except ValueError as error:
        reason = str(error)
    if around == "fence" and (body := _only_fence(text)) is not None:
        return _parse_or_miss(body)
    try:
        _within_text(text)
    except Missed:
        raise _none_found(f"The reply is not valid JSON: {reason}.") from None
    more = "Expected nothing but JSON" + (" in at most one code fence" if around == "fence" else "")
    raise Missed(f"{more}, found other text around it.", "format_violation")


def _parse(text: str) -> Any:
    """The value of a JSON text; `ValueError` with a reason that fits into a sentence."""
    if len(text) > MAX_LENGTH:
        raise ValueError(f"it is longer than {MAX_LENGTH} characters")
    try:
        value = json.loads(
            text,
            parse_int=_integer,
            parse_float=_float,
            parse_constant=_refuse_constant,
            object_pairs_hook=_object,
        )
    except json.JSONDecodeError as error:
        raise ValueError(f"{error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise ValueError(f"it is nested deeper than {MAX_DEPTH} levels") from None
    if _deeper_than(value, MAX_DEPTH):
        raise ValueError(f"it is nested deeper than {MAX_DEPTH} levels")
    return value


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"a number has {len(digits)} characters, {MAX_DIGITS} are read at most")
    return int(digits)


def _float(digits: str) -> float:
    value = float(digits) if len(digits) <= MAX_DIGITS else math.inf
    if math.isinf(value):
        raise ValueError(f"the number {digits[:20]}… is too large or too long")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        seen: set[str] = set()
        double = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {json.dumps(double[:60])} occurs twice in one object")
    return value


def _deeper_than(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        level = [inner for each in level for inner in _inside(each)]
        if not level:
            return False
    return True


def _inside(value: Any) -> Iterator[Any]:
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return (child for child in children if isinstance(child, dict | list))


def _only_fence(text: str) -> str | None:
    """The body of the one closed fence that the text consists of."""
    found = fences(text)
    if len(found) != 1 or not found[0].closed or found[0].language not in ("", "json"):
        return None
    return None if without_fences(text).strip() else found[0].body


def _within_text(text: str) -> Any:
    found = fences(text)
    marked = [fence for fence in found if fence.language == "json"] if len(found) > 1 else found
    if len(marked) == 1:
        return _parse_or_miss(marked[0].body)
    if found:
        raise _none_found(f"Expected one code fence with JSON, found {len(marked)} among {len(found)} fences.")
    claims = [span for span in _outermost(text) if _MEANT_AS_JSON.match(span) or _parses(span)]
    if len(claims) > 1:
        raise _none_found(f"Expected one JSON value, found {len(claims)}.")
    return _parse_or_miss(claims[0] if claims else text)


def _outermost(text: str) -> Iterator[str]:
    """The outermost balanced spans of brackets. A bracket that is never closed is skipped unless it starts JSON."""
    at = 0
    for _ in range(_MAX_RESTARTS):
        start, end = -1, at
        for start, end in _balanced(text, at):
            if end < 0:
                break
            yield text[start:end]
        else:
            return
        if _MEANT_AS_JSON.match(text, start):
            yield text[start:]
            return
        at = start + 1


def _balanced(text: str, at: int) -> Iterator[tuple[int, int]]:
    """Start and end of each outermost span from `at` on; the end is -1 for a last one that never closes."""
    while opener := _OPENER.search(text, at):
        depth = 0
        for token in _TOKEN.finditer(text, opener.start()):
            depth += _DEPTH.get(token[0], 0)
            if depth == 0:
                at = token.end()
                break
        else:
            yield opener.start(), -1
            return
        yield opener.start(), at


def _parses(text: str) -> bool:
    try:
        _parse(text)
    except ValueError:
        return False
    return True


def _parse_or_miss(text: str) -> Any:
    try:
        return _parse(text)
    except ValueError as error:
        raise _none_found(f"The reply holds no valid JSON: {error}.") from None


def _none_found(message: str) -> Missed:
    return Missed(message, "extraction_failed")
