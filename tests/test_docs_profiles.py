import re
from pathlib import Path

import pytest

from pytest_polecat.asking.profile_validation import KEYS
from pytest_polecat.asking.profiles import load
from pytest_polecat.demo.profiles import PROFILES

PAGE = (Path(__file__).parent.parent / "docs" / "reference" / "profiles.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_each_example_is_a_file_that_loads(number: int, tmp_path: Path) -> None:
    file = tmp_path / "polecat.toml"
    file.write_text(EXAMPLES[number], encoding="utf-8")
    assert set(load(file, builtin=PROFILES).profiles) > set(PROFILES) or "[profiles.demo]" in EXAMPLES[number]


def test_two_ways_to_write_a_profile_are_the_same(tmp_path: Path) -> None:
    file = tmp_path / "polecat.toml"
    file.write_text(next(example for example in EXAMPLES if "thinks-the-same" in example), encoding="utf-8")
    book = load(file)
    assert book.get("thinks").reasoning == book.get("thinks-the-same").reasoning


def test_the_table_has_every_key_of_a_profile_and_no_other() -> None:
    section = PAGE.split("## The keys of a profile")[1].split("\n## ")[0]
    assert sorted(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == sorted(KEYS)


def test_the_projects_own_file_loads() -> None:
    assert load(Path(__file__).parent.parent / "polecat.toml", builtin=PROFILES).profiles
