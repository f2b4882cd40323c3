"""Tests that are drawn for each run: some have to pass and some have to fail, and they look alike."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

_RANDOM = secrets.SystemRandom()

_EACH = 4
_WORDS = ("value", "result", "order", "empty", "limit", "state", "input", "first", "default", "update")


@dataclass(frozen=True)
class Drawn:
    """A file of such tests: those that right machinery passes, and those that it fails, by their ids."""

    path: str
    source: str
    ids: tuple[str, ...]
    passing: frozenset[str]
    failing: frozenset[str]


def draw(beside: str, ids: Collection[str], taken: Collection[str]) -> Drawn:
    """Tests for the folder of the test file `beside`, with names made of the words of others; `taken` are paths."""
    words = sorted({word for each in ids for word in _words(each)} | set(_WORDS))
    folder = beside.rpartition("/")[0]
    prefix = f"{folder}/" if folder else ""
    path = _first_free(lambda: f"{prefix}test_{_name(words)}.py", taken)
    home = "Test" + _name(words).title().replace("_", "")
    names: list[str] = []
    while len(names) < 2 * _EACH:
        names.append(_first_free(lambda: f"test_{_name(words)}", names))
    right = set(_RANDOM.sample(names, _EACH))
    lines = ["import unittest", "", "", f"class {home}(unittest.TestCase):"]
    for name in names:
        lines += [f"    def {name}(self):", *(f"        {line}" for line in _body(holds=name in right)), ""]
    return Drawn(
        path=path,
        source="\n".join(lines),
        ids=tuple(f"{path}::{home}::{name}" for name in names),
        passing=frozenset(f"{path}::{home}::{name}" for name in right),
        failing=frozenset(f"{path}::{home}::{name}" for name in set(names) - right),
    )


def _words(test: str) -> Iterable[str]:
    return (word for word in test.rpartition("::")[2].partition("[")[0].lower().split("_") if word.isidentifier())


def _name(words: list[str]) -> str:
    return "_".join(_RANDOM.sample([word for word in words if word != "test"], 3))


def _first_free(draw_one: Callable[[], str], taken: Collection[str]) -> str:
    return next(name for name in iter(draw_one, None) if name not in taken)


def _body(*, holds: bool) -> list[str]:
    """An assertion about values drawn now, which holds or does not."""
    lines: list[str] = _RANDOM.choice((_sum, _product, _member, _order, _sorted, _raises))(holds=holds)
    return lines


def _drawn(count: int) -> list[int]:
    return _RANDOM.sample(range(10, 1000), count)


def _off(*, holds: bool) -> int:
    return 0 if holds else _RANDOM.choice((-10, -2, -1, 1, 2, 10))


def _sum(*, holds: bool) -> list[str]:
    a, b = _drawn(2)
    return [f"self.assertEqual({a} + {b}, {a + b + _off(holds=holds)})"]


def _product(*, holds: bool) -> list[str]:
    a, b = _drawn(2)
    return [f"assert {a} * {b} == {a * b + _off(holds=holds)}"]


def _member(*, holds: bool) -> list[str]:
    first, *others = _drawn(5)
    within = [first, *others[1:]] if holds else others
    _RANDOM.shuffle(within)
    return [f"self.assertIn({first}, {within})"]


def _order(*, holds: bool) -> list[str]:
    low, high = sorted(_drawn(2))
    return [f"self.assertLess({low}, {high})" if holds else f"self.assertLess({high}, {low})"]


def _sorted(*, holds: bool) -> list[str]:
    given = _drawn(4)
    expected = sorted(given)
    if not holds:
        expected[1:3] = expected[2], expected[1]
    return [f"self.assertEqual(sorted({given}), {expected})"]


def _raises(*, holds: bool) -> list[str]:
    text = f"{_drawn(1)[0]}{'o' if holds else '0'}"
    return ["with self.assertRaises(ValueError):", f'    int("{text}")']
