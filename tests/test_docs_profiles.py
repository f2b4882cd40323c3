import re
import shlex
from pathlib import Path

import pytest

from pytest_polecat.asking.launch.binary.flags import BadFlagError, parse_help
from pytest_polecat.asking.launch.binary.program import Build
from pytest_polecat.asking.launch.binary.translation import read, translate
from pytest_polecat.asking.profile_validation import KEYS
from pytest_polecat.asking.profiles import load
from pytest_polecat.demo.profiles import PROFILES

PAGE = (Path(__file__).parent.parent / "docs" / "reference" / "profiles.md").read_text(encoding="utf-8")
TRANSLATIONS = re.findall(r"^\| `(-[^`|]+)` \| (.+) \| (.+) \|$", PAGE, re.MULTILINE)
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
    section = PAGE.split("## The keys of a profile")[1].split("\n##")[0]
    assert sorted(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == sorted(KEYS)


def test_the_projects_own_file_loads() -> None:
    assert load(Path(__file__).parent.parent / "polecat.toml", builtin=PROFILES).profiles


@pytest.mark.parametrize(("written", "on_new", "on_old"), TRANSLATIONS, ids=[row[0] for row in TRANSLATIONS])
def test_each_flag_is_translated_as_the_table_says(written: str, on_new: str, on_old: str) -> None:
    assert [translated(written, 11434), translated(written, 9093)] == [on_new, on_old]


def translated(written: str, number: int) -> str:
    """A cell of the table: the words of this build, or what else becomes of the flag."""
    text = (Path(__file__).parent / "data" / f"llama-server-b{number}-help.txt").read_text(encoding="utf-8")
    build = Build(argv=("llama-server",), number=number, commit=None, flags=parse_help(text))
    try:
        arguments = translate(read(shlex.split(written), build), build).arguments
    except BadFlagError:
        return "refused"
    words = " ".join(word for argument in arguments for word in argument.words)
    return f"`{words}`" if words else "left out"
