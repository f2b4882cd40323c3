"""The order of the house: data flows one way, and nothing heavy is imported before it is needed."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "pytest_polecat"

STAGES = ("questions", "asking", "sandbox", "grading", "results", "reporting")
GROUND = ("records", "errors", "jsonl", "rundir", "resources", "settings", "third_party")


def imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def stage(module: str) -> str | None:
    parts = module.split(".")
    return parts[1] if parts[0] == "pytest_polecat" and len(parts) > 1 else None


@pytest.mark.parametrize("room", STAGES)
def test_a_stage_imports_from_itself_and_from_stages_before_it_only(room: str) -> None:
    allowed = {*STAGES[: STAGES.index(room) + 1], *GROUND, None}
    for file in sorted((PACKAGE / room).rglob("*.py")):
        found = {stage(module) for module in imports(file)}
        assert found <= allowed, f"{file.relative_to(PACKAGE)} imports from {found - allowed}"


def test_the_ground_imports_from_no_stage() -> None:
    files = [*(PACKAGE / "records").glob("*.py"), *(PACKAGE / f"{name}.py" for name in GROUND if name != "records")]
    for file in files:
        assert {stage(module) for module in imports(file)} <= {*GROUND, None}, file


def test_the_plugin_imports_nothing_heavy() -> None:
    heavy = "pydantic httpx anyio jsonschema yaml docker jinja2 typer rich asyncio numpy"
    code = (
        "import sys, pytest; before = set(sys.modules); import pytest_polecat.plugin; "
        f"print(sorted(set({heavy.split()!r}) & (set(sys.modules) - before)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_file_grows_past_what_one_can_hold_in_mind() -> None:
    long = {file.name: count for file in PACKAGE.rglob("*.py") if (count := file.read_text().count("\n")) > 400}
    assert not long
