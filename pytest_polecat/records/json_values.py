"""Comparing JSON values."""

from typing import Any


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal: numbers by value (1 is 1.0, true is no number), objects in any order."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)
