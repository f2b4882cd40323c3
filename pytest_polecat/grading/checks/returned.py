"""Comparing what came out of a sandbox with what a suite file expects, and showing it.

The expected value is JSON's. What was found is of exact built-in types, or holds objects of the candidate's that know
how to lie: nothing here asks them anything.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from pytest_polecat.sandbox.proxies import Handle

_DIGITS = 4000
_NUMBERS = (int, float)
_ORDERED = (list, tuple)
_COLLECTIONS = (list, tuple, set, frozenset)
_BRACKETS: Mapping[type, tuple[str, str]] = {
    list: ("[", "]"),
    tuple: ("(", ")"),
    set: ("{", "}"),
    frozenset: ("{", "}"),
}


@dataclass(frozen=True)
class Likeness:
    """When a value is the expected one.

    A list in the suite file stands for a list or a tuple, a number for a number of the same value (`7` and `7.0`; true
    is none). `strict` wants the very types: list, int, float. Numbers may differ by `abs`, or by `rel` times the
    expected one. `unordered` lets the items of the outermost list come in any order, and in a set.
    """

    strict: bool = False
    unordered: bool = False
    abs: float = 0
    rel: float = 0

    def holds(self, found: Any, expected: Any) -> bool:
        """Whether `found` is what is expected."""
        if self.unordered and isinstance(expected, list):
            return self._list_type(found, _COLLECTIONS) and self._same_items(list(found), expected)
        return self._same(found, expected)

    def _same(self, found: Any, expected: Any) -> bool:
        if isinstance(expected, list):
            return self._list_type(found, _ORDERED) and self._same_list(found, expected)
        if isinstance(expected, dict):
            return type(found) is dict and self._same_dict(found, expected)
        if type(expected) in _NUMBERS:
            return self._same_number(found, expected)
        return type(found) is type(expected) and bool(found == expected)

    def _list_type(self, found: Any, kinds: tuple[type, ...]) -> bool:
        return type(found) is list if self.strict else type(found) in kinds

    def _same_list(self, found: Sequence[Any], expected: Sequence[Any]) -> bool:
        return len(found) == len(expected) and all(map(self._same, found, expected))

    def _same_dict(self, found: Mapping[Any, Any], expected: Mapping[str, Any]) -> bool:
        if len(found) != len(expected) or not all(type(key) is str for key in found):
            return False
        return all(key in found and self._same(found[key], value) for key, value in expected.items())

    def _same_number(self, found: Any, expected: float) -> bool:
        if type(found) not in _NUMBERS or (self.strict and type(found) is not type(expected)):
            return False
        if found == expected:
            return True
        if not (self.abs or self.rel) or not (_finite(found) and _finite(expected)):
            return False
        # Exactly: a float can't hold every int that code may return.
        wanted = Fraction(expected)
        return abs(Fraction(found) - wanted) <= max(Fraction(self.abs), Fraction(self.rel) * abs(wanted))

    def _same_items(self, found: list[Any], expected: Sequence[Any]) -> bool:
        """Whether each found item takes an expected one of its own.

        The first that fits will do: what fits the same item is the same, or, where numbers may differ, the nearest in
        order.
        """
        if len(found) != len(expected):
            return False
        left = list(expected)
        if all(type(each) in _NUMBERS for each in (*found, *left)):
            found.sort()
            left.sort()
        for item in found:
            place = next((number for number, each in enumerate(left) if self._same(item, each)), None)
            if place is None:
                return False
            del left[place]
        return True


def shown(value: Any, room: int = 100) -> str:
    """A value as Python writes it, in at most `room` characters."""
    text = ""
    for piece in _pieces(value, room):
        text += piece
        if len(text) > room:
            return text[: room - 1] + "…"
    return text


def _pieces(value: Any, room: int) -> Iterator[str]:
    kind = type(value)
    if kind in _BRACKETS:
        opening, closing = _BRACKETS[kind]
        yield opening
        for number, item in enumerate(value):
            yield ", " if number else ""
            yield from _pieces(item, room)
        yield ",)" if kind is tuple and len(value) == 1 else closing
    elif kind is dict:
        yield "{"
        for number, (key, item) in enumerate(value.items()):
            yield ", " if number else ""
            yield from _pieces(key, room)
            yield ": "
            yield from _pieces(item, room)
        yield "}"
    else:
        yield _scalar(value, room)


def _scalar(value: Any, room: int) -> str:
    kind = type(value)
    if kind in (str, bytes):
        return repr(value[: room + 1])
    if kind in (bool, float, type(None)) or (kind is int and value.bit_length() < _DIGITS):
        return repr(value)
    if isinstance(value, Handle):
        return f"<an object of its class {value._polecat_type}>"  # noqa: SLF001
    return f"<{kind.__name__}>"


def _finite(number: float) -> bool:
    return type(number) is int or math.isfinite(number)
