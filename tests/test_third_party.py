"""A suite that somebody else publishes: both wheels in a clean environment, far from any checkout."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_polecat.records.outcome import FailureMode, Outcome
from pytest_polecat.rundir import RunDir

pytest.importorskip("xllamacpp", reason="the embedded server needs xllamacpp: pip install 'pytest-polecat[demo]'")

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "polecat-suite-regex"
PROOF = Path("polecat_suite_regex", "suites", "regex.proof.json")


def run(folder: Path, *command: str | Path) -> str:
    """Run a program that has to succeed, with nothing in its environment that leads to this checkout."""
    environment = {key: text for key, text in os.environ.items() if not key.startswith(("PYTHON", "PYTEST", "POLECAT"))}
    done = subprocess.run(
        list(map(str, command)), cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def wheel(project: Path, folder: Path) -> Path:
    run(project, sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, project)
    (made,) = folder.glob("*.whl")
    return made


def test_an_installed_suite_of_somebody_elses_is_found_by_its_name_and_needs_no_allowance(tmp_path: Path) -> None:
    polecat, example = wheel(ROOT, tmp_path / "polecat"), wheel(EXAMPLE, tmp_path / "example")
    run(tmp_path, sys.executable, "-m", "venv", "env")
    python = tmp_path / "env" / "bin" / "python"
    run(tmp_path, python, "-m", "pip", "install", "--quiet", "--no-compile", f"{polecat}[demo]", example)
    empty = tmp_path / "empty"
    empty.mkdir()

    output = run(empty, python, "-m", "pytest", "--polecat-suite=regex", "--polecat-model=demo")
    assert "polecat: 3/25 points (12 %), no gate, exit 0" in output
    assert "unproven" not in output
    (record,) = empty.glob("polecat-runs/*/run.json")
    kept = RunDir(record.parent)
    attempts = {attempt.question: attempt for attempt in kept.attempts()}
    assert len(attempts) == 9
    passed = {name: each.earned for name, each in attempts.items() if each.outcome is Outcome.PASSED}
    assert passed == {"boat-number": 1, "every-quarter": 2}
    assert all(each.outcome is Outcome.MISSED for name, each in attempts.items() if name not in passed)
    assert attempts["quick-keys"].mode is FailureMode.SANDBOX_TIMEOUT
    assert "takes more than 2 s" in attempts["quick-keys"].message
    suite = kept.read_run().suites["regex"]
    assert Path(suite.file).is_relative_to(tmp_path / "env"), "the suite must come from the wheel, not from a checkout"

    (shipped,) = (tmp_path / "env").rglob(PROOF.name)
    before = shipped.read_bytes()
    output = run(empty, python, "-m", "pytest", "--polecat-selftest", "--polecat-suite=regex")
    assert "regex 9 9 3/3/3 25 9" in " ".join(output.split())
    assert shipped.read_bytes() == before == (EXAMPLE / PROOF).read_bytes()
