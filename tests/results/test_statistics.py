import json
from pathlib import Path
from typing import Any

import pytest

from pytest_polecat.results.statistics import Interval, wilson

VECTORS = json.loads((Path(__file__).parents[1] / "data" / "statistics_vectors.json").read_text())["proportion"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector['k']}-of-{vector['n']}")
def test_wilson_agrees_with_reference_values(vector: dict[str, Any]) -> None:
    interval = wilson(vector["k"], vector["n"])
    assert interval is not None
    assert [interval.low, interval.high] == pytest.approx(vector["wilson"], rel=0, abs=1e-12)


def test_without_questions_there_is_no_interval() -> None:
    assert wilson(0, 0) is None


@pytest.mark.parametrize("n", [1, 2, 3, 10, 15, 100, 20_000])
def test_none_and_all_reach_exactly_to_the_ends_and_mirror_each_other(n: int) -> None:
    none, every = wilson(0, n), wilson(n, n)
    assert none is not None
    assert every is not None
    assert none.low == 0.0
    assert every.high == 1.0
    assert none.high == pytest.approx(1 - every.low, abs=1e-12)


@pytest.mark.parametrize("level", [0.5, 0.8, 0.95, 0.99, 0.999])
def test_the_interval_holds_the_share_and_widens_with_the_level(level: float) -> None:
    narrow, wide = wilson(7, 20, level), wilson(7, 20, (level + 1) / 2)
    assert narrow is not None
    assert wide is not None
    assert wide.low < narrow.low < 7 / 20 < narrow.high < wide.high


def test_a_fractional_number_of_passes_lies_between_its_neighbours() -> None:
    below, between, above = wilson(3, 10), wilson(3 + 1 / 3, 10), wilson(4, 10)
    assert below is not None
    assert between is not None
    assert above is not None
    assert below.low < between.low < above.low
    assert below.high < between.high < above.high


@pytest.mark.parametrize(("k", "n"), [(-1, 5), (6, 5), (5.0001, 5), (1, 0), (float("nan"), 5), (0, -1)])
def test_more_passes_than_questions_are_refused(k: float, n: int) -> None:
    with pytest.raises(ValueError, match="is not between 0 and n"):
        wilson(k, n)


@pytest.mark.parametrize("level", [0, 1, 95, -0.1])
def test_a_confidence_level_that_is_none_is_refused(level: float) -> None:
    with pytest.raises(ValueError, match="confidence level"):
        wilson(1, 2, level)


def test_an_interval_is_a_value() -> None:
    assert Interval(0.1, 0.2) == Interval(0.1, 0.2)
