"""What the documentation says is tried: suites prove themselves, profiles load, tables are complete."""

import json
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import jsonschema
import pytest
import yaml
from pydantic import BaseModel

from pytest_polecat.asking.launch.base import Launch, Launcher
from pytest_polecat.asking.profiles import load
from pytest_polecat.cli import app
from pytest_polecat.cli_profiles import profiles_app
from pytest_polecat.cli_sandbox import sandbox_app
from pytest_polecat.grading.checks import BUILTIN
from pytest_polecat.questions.schema import suite_schema
from pytest_polecat.records.run import Served, Weights

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
    assert set(re.findall(r"^\| `(--polecat-[a-z-]+)", text, re.MULTILINE)) == set(
        re.findall(r'"(--polecat-[a-z-]+)"', source)
    )


def test_the_reference_names_every_command_and_no_other() -> None:
    text = (ROOT / "docs/reference/polecat.md").read_text(encoding="utf-8")
    commands = {each.name or each.callback.__name__ for each in app.registered_commands if each.callback}
    commands |= {f"profiles {each.name}" for each in profiles_app.registered_commands}
    commands |= {f"sandbox {each.name}" for each in sandbox_app.registered_commands}
    assert set(re.findall(r"^\| `polecat ([a-z ]+[a-z])", text, re.MULTILINE)) == commands


@pytest.mark.parametrize(("number", "record"), [(0, Served), (1, Weights)], ids=("served", "weights"))
def test_the_reference_names_every_field_of_what_was_served(number: int, record: type[BaseModel]) -> None:
    text = (ROOT / "docs/reference/run-folder.md").read_text(encoding="utf-8")
    assert _first_cells(text.split("## `run.json`")[1])[number] == set(record.model_fields)


def test_the_reference_names_every_member_of_a_launcher_and_of_a_launch() -> None:
    text = (ROOT / "docs/reference/hooks.md").read_text(encoding="utf-8")
    _, members, parts = _first_cells(text)
    methods = {name for name in vars(Launcher) if not name.startswith("_")}
    assert {member.partition("(")[0] for member in members} == {"name", *methods}
    assert parts == {part.name for part in fields(Launch)}


def _first_cells(text: str) -> list[set[str]]:
    """What each table of a page names in its first column."""
    tables = re.findall(r"^\|---.*\n((?:\|.*\n)+)", text, re.MULTILINE)
    return [
        {name for row in table.splitlines() for name in re.findall(r"`([^`]+)`", row.split("|")[1])} for table in tables
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_links_to_headings_lead_somewhere(page: Path) -> None:
    for target, heading in re.findall(r"\]\((?!http)([^)#]*)#([^)]+)\)", page.read_text(encoding="utf-8")):
        text = (page.parent / target if target else page).read_text(encoding="utf-8")
        headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
        assert heading in {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}, heading


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
