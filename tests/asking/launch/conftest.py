"""What the tests of launching share: a real, tiny model, and the certainty that no test leaves a process behind."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_polecat.records.profile import Profile
from pytest_polecat.rundir import RunDir
from tests.asking.launch.helpers import MARK, marked_processes, until, write_random_model


@pytest.fixture(autouse=True)
def marked(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Marks everything that the test starts; no process may survive the test."""
    mark = secrets.token_hex(8)
    monkeypatch.setenv(MARK, mark)
    yield mark
    assert until(lambda: not marked_processes(mark)), f"left behind: {marked_processes(mark)}"


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_random_model(tmp_path_factory.mktemp("models") / "random.gguf")


@pytest.fixture(scope="session")
def other_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_random_model(tmp_path_factory.mktemp("models") / "other.gguf", context=8192)


@pytest.fixture
def profile(model: Path) -> Profile:
    return Profile(name="tiny", launcher="embedded", model=str(model), ready_timeout=30, args={"threads": 1})


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    planned = RunDir.planned(tmp_path / "runs")
    planned.make()
    return planned
