"""What the documentation says is tried: suites prove themselves, profiles load, tables are complete."""

import json
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

from pytest_polecat.asking.profiles import load
from pytest_polecat.grading.checks import BUILTIN
from pytest_polecat.questions.schema import suite_schema

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SCHEMA = ROOT / "pytest_polecat" / "questions" / "suite.schema.json"


def files_of(page: Path) -> dict[str, str]:
    """The blocks of a page that begin with a comment naming their file."""
    files = {}
    for _, text in BLOCK.findall(page.read_text(encoding="utf-8")):
        if named := re.match(r"# ([\w.]+\.(?:yaml|py|toml))\n", text):
            files[named[1]] = text
    return files


def is_suite(name: str) -> bool:
    return name.endswith(".polecat.yaml") or name.startswith("test_")


@pytest.mark.parametrize("page", [page for page in PAGES if any(map(is_suite, files_of(page)))], ids=lambda p: p.stem)
def test_every_suite_on_a_page_proves_itself(page: Path, tmp_path: Path) -> None:
    for name, text in files_of(page).items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "no:hypothesispytest", "--polecat-selftest", "."]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", [page for page in PAGES if "polecat.toml" in files_of(page)], ids=lambda p: p.stem)
def test_every_profile_on_a_page_loads(page: Path, tmp_path: Path) -> None:
    config = tmp_path / "polecat.toml"
    text = page.read_text(encoding="utf-8")
    for number, (language, block) in enumerate(BLOCK.findall(text)):
        if language == "toml" and block.startswith("# polecat.toml"):
            config.write_text(block, encoding="utf-8")
            assert load(config).profiles, f"block {number} of {page.name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_the_reference_names_every_check_and_no_other() -> None:
    text = (ROOT / "docs/reference/checks.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)) == set(BUILTIN)


def test_the_reference_names_every_option_and_no_other() -> None:
    text = (ROOT / "docs/reference/options.md").read_text(encoding="utf-8")
    source = (ROOT / "pytest_polecat/options.py").read_text(encoding="utf-8")
    assert set(re.findall(r"`(--polecat-[a-z]+)", text)) == set(re.findall(r'"(--polecat-[a-z]+)"', source))


def test_the_shipped_schema_is_that_of_the_models() -> None:
    schema = suite_schema({name: check.expectation for name, check in BUILTIN.items()})
    assert json.loads(SCHEMA.read_text(encoding="utf-8")) == schema, "run: polecat schema > " + str(SCHEMA)


@pytest.mark.parametrize("file", sorted((ROOT / "suites").rglob("*.polecat.yaml")), ids=lambda p: p.stem)
def test_the_bundled_suites_fit_the_shipped_schema(file: Path) -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    suite = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert [error.message for error in validator.iter_errors(suite)] == []
    suite["questions"][0]["pionts"] = 3
    assert not validator.is_valid(suite), "a misspelt key must be marked in an editor"
