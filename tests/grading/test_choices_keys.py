"""The keys of the bundled multiple-choice questions favour no letter."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

SUITES = Path(__file__).parents[2] / "suites"


def keys(suite: str) -> dict[int, Counter[str]]:
    """How often each letter is the key, for each number of options."""
    text = (SUITES / suite / f"{suite}.polecat.yaml").read_text(encoding="utf-8")
    counted: dict[int, Counter[str]] = {}
    for question in yaml.safe_load(text)["questions"]:
        for check in question["checks"]:
            if "choice" in check:
                form: Any = check["choice"]
                answer, options = (form["answer"], form.get("options", 4)) if isinstance(form, dict) else (form, 4)
                counted.setdefault(options, Counter())[answer] += 1
    return counted


@pytest.mark.parametrize("suite", ["thinking", "general"])
def test_keys_are_evenly_spread_over_the_positions(suite: str) -> None:
    counted = keys(suite)
    assert counted
    for options, letters in counted.items():
        each = [letters["ABCDEF"[position]] for position in range(options)]
        assert max(each) - min(each) <= 1, (options, letters)
        assert min(each) > 0
