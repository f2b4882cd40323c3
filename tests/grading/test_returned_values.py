"""Which values count as the expected one of a suite file, and how they are shown."""

import collections
from decimal import Decimal
from typing import Any

import pytest

from pytest_polecat.grading.checks.returned import Likeness, shown

PLAIN = Likeness()
STRICT = Likeness(strict=True)
UNORDERED = Likeness(unordered=True)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([1, [2, "a"]], [1, [2, "a"]]),
        ((1, (2, "a")), [1, [2, "a"]]),
        (7.0, 7),
        (7, 7.0),
        ({"b": (1,), "a": None}, {"a": None, "b": [1]}),
        (True, True),
        (None, None),
        (10**400, 10**400),
    ],
)
def test_lists_and_tuples_and_numbers_of_the_same_value_are_alike(found: object, expected: object) -> None:
    assert PLAIN.holds(found, expected)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (True, 1),
        (1, True),
        (0, False),
        (None, 0),
        (None, False),
        ("1", 1),
        ([], None),
        ("", []),
        ("ab", ["a", "b"]),
        ({1, 2}, [1, 2]),
        (collections.deque([1]), [1]),
        (range(2), [0, 1]),
        ([2, 1], [1, 2]),
        ([1], [1, 1]),
        ({"a": 1, "b": 2}, {"a": 1}),
        ({1: "x"}, {"1": "x"}),
        ({True: "x"}, {"x": 1}),
        (b"a", "a"),
        (Decimal(1), 1),
        (1 + 0j, 1),
        (float("nan"), 0),
        (10**400, 1.5),
    ],
)
def test_other_values_are_not(found: object, expected: object) -> None:
    assert not PLAIN.holds(found, expected)


@pytest.mark.parametrize(
    ("found", "expected"), [((1,), [1]), (7.0, 7), (7, 7.0), ([1, (2,)], [1, [2]]), ({"a": 1.0}, {"a": 1})]
)
def test_strictly_the_types_have_to_be_those_written_down(found: object, expected: object) -> None:
    assert not STRICT.holds(found, expected)
    assert STRICT.holds(expected, expected)


@pytest.mark.parametrize(
    ("found", "expected", "alike"),
    [
        ([3, 1, 2], [1, 2, 3], True),
        ({3, 1, 2}, [1, 2, 3], True),
        (((1, 2), (3,)), [[3], [1, 2]], True),
        ([[2, 1]], [[1, 2]], False),
        ([1, 1, 2], [1, 2, 2], False),
        ([1, 2], [1, 2, 3], False),
        ({"a": 1}, ["a"], False),
        ("ba", ["a", "b"], False),
        ([True, 2], [1, 2], False),
        (["b", 1, None], [None, "b", 1], True),
    ],
)
def test_items_may_come_in_any_order_but_each_as_often_as_expected(found: Any, expected: Any, alike: bool) -> None:
    assert UNORDERED.holds(found, expected) is alike


def test_a_set_is_no_list_where_types_count() -> None:
    likeness = Likeness(unordered=True, strict=True)
    assert likeness.holds([2, 1], [1, 2])
    assert not likeness.holds({1, 2}, [1, 2])


def test_numbers_may_differ_by_what_is_declared_at_any_depth() -> None:
    likeness = Likeness(abs=0.01)
    assert likeness.holds({"x": (1.009, [2])}, {"x": [1, [2.005]]})
    assert not likeness.holds([1.011], [1])
    assert Likeness(rel=0.1).holds(109, 100)
    assert not Likeness(rel=0.1).holds(111, 100)
    assert not Likeness(abs=2).holds(True, 1)
    for strange in (float("nan"), float("inf"), 10**400, "1"):
        assert not likeness.holds(strange, 1)


def test_nearly_equal_numbers_in_any_order_are_paired_by_size() -> None:
    likeness = Likeness(unordered=True, abs=0.1)
    assert likeness.holds([1.0, 1.1], [1.15, 1.05])
    assert not likeness.holds([1.0, 1.0], [1.05, 1.15])


def test_a_value_is_shown_as_python_writes_it_and_never_at_length() -> None:
    assert shown({"a": [1, (2.0,), None], "b": {True}}) == "{'a': [1, (2.0,), None], 'b': {True}}"
    assert shown("a\x1b[31m\ud800") == r"'a\x1b[31m\ud800'"
    assert len(shown(["x" * 10**6] * 10**5)) == 100
    assert shown(10**5000) == "<int>"
    assert shown(Decimal(1)) == "<Decimal>"
