"""What a JSON value must be like: written as the value itself, with matchers where it may vary.

A pattern is a JSON value. Numbers in it are equal by value (1 is 1.0), true and false are no numbers, texts are equal
character by character. In place of any value in it may stand a matcher, an object with one key:

- `{$any_of: [pattern, …]}`: one of these;
- `{$regex: pattern}`: a text that the regular expression matches from its start to its end;
- `{$ignore_case: text}`: this text in upper or lower case;
- `{$any_order: [pattern, …]}`: a list of just these, in any order.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from pytest_polecat.grading.checks.patterns import bounded, compiled
from pytest_polecat.grading.checks.text import fold, quote
from pytest_polecat.records.json_values import same

MATCHERS = ("$any_of", "$regex", "$ignore_case", "$any_order")

One = TypeVar("One")
Other = TypeVar("Other")


def fault(pattern: Any) -> str:
    """What is wrong with a pattern as its author wrote it; empty if nothing is."""
    if isinstance(pattern, list):
        return next(filter(None, map(fault, pattern)), "")
    if not isinstance(pattern, dict):
        return ""
    name = next((key for key in pattern if key.startswith("$")), None)
    if name is None:
        return next(filter(None, map(fault, pattern.values())), "")
    if name not in MATCHERS or len(pattern) > 1:
        return f"{name!r} is no matcher, or has another key beside it; a matcher is one of {', '.join(MATCHERS)} alone"
    return _matcher_fault(name, pattern[name])


def mismatch(value: Any, pattern: Any, path: str) -> str:
    """Where a value is not like the pattern, as a piece of a sentence; empty if it is. `path` names the value.

    Raises `SuiteError` for a regular expression that takes for ever.
    """
    match pattern:
        case {"$any_of": list(patterns)}:
            ok = any(not mismatch(value, each, path) for each in patterns)
            return "" if ok else _different(value, " or ".join(map(shown, patterns)), path)
        case {"$regex": str(regex)}:
            with bounded("the pattern of a tool's argument"):
                ok = isinstance(value, str) and compiled(regex).fullmatch(value) is not None
            return "" if ok else _different(value, f"a text like {quote(regex)}", path)
        case {"$ignore_case": str(text)}:
            ok = isinstance(value, str) and fold(value) == fold(text)
            return "" if ok else _different(value, quote(text), path)
        case {"$any_order": list(patterns)}:
            ok = isinstance(value, list) and len(value) == len(patterns) and _pairs(value, patterns)
            return "" if ok else _different(value, f"in any order {', '.join(map(shown, patterns))}", path)
        case dict():
            return _object_mismatch(value, pattern, path)
        case list():
            return _list_mismatch(value, pattern, path)
    return "" if same(value, pattern) else _different(value, shown(pattern), path)


def assigned(ones: Sequence[One], others: Sequence[Other], fit: Callable[[One, Other], bool]) -> list[int | None]:
    """For each of `ones` the index of another that fits it, none given twice: as many as can have one (Kuhn, 1955)."""
    fits = [[index for index, other in enumerate(others) if fit(one, other)] for one in ones]
    holder: dict[int, int] = {}

    def place(one: int, tried: set[int]) -> bool:
        for index in fits[one]:
            if index not in tried:
                tried.add(index)
                if index not in holder or place(holder[index], tried):
                    holder[index] = one
                    return True
        return False

    for one in range(len(ones)):
        place(one, set())
    held = {one: index for index, one in holder.items()}
    return [held.get(one) for one in range(len(ones))]


def shown(value: Any) -> str:
    """A JSON value for a message, on one line and clipped."""
    return quote(json.dumps(value, ensure_ascii=False))[1:-1]


def _matcher_fault(name: str, value: Any) -> str:
    if name in ("$any_of", "$any_order"):
        if not isinstance(value, list) or not value:
            return f"`{name}` takes a list that is not empty"
        return fault(value)
    if not isinstance(value, str):
        return f"`{name}` takes a text, not {shown(value)}"
    if name == "$regex":
        try:
            compiled(value)
        except (re.error, OverflowError, RecursionError) as error:
            return f"`$regex` is no valid regular expression: {error}"
    return ""


def _pairs(value: list[Any], patterns: list[Any]) -> bool:
    return None not in assigned(patterns, value, lambda pattern, each: not mismatch(each, pattern, ""))


def _object_mismatch(value: Any, pattern: dict[str, Any], path: str) -> str:
    if not isinstance(value, dict):
        return _different(value, shown(pattern), path)
    missing = [key for key in pattern if key not in value]
    extra = [key for key in value if key not in pattern]
    if missing or extra:
        return f"{path} should have {missing[0]!r}" if missing else f"{path} should not have {quote(extra[0])}"
    return _first(mismatch(value[key], each, f"{path}.{key}") for key, each in pattern.items())


def _list_mismatch(value: Any, pattern: list[Any], path: str) -> str:
    if not isinstance(value, list) or len(value) != len(pattern):
        return _different(value, shown(pattern), path)
    return _first(mismatch(value[index], each, f"{path}[{index}]") for index, each in enumerate(pattern))


def _first(mismatches: Iterator[str]) -> str:
    return next(filter(None, mismatches), "")


def _different(value: Any, wanted: str, path: str) -> str:
    return f"{path} should be {wanted}, found {shown(value)}"
