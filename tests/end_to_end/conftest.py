"""Running pytest with polecat as a user does: in a folder of its own, plain and under xdist."""

from __future__ import annotations

import os
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest

from pytest_polecat.records.attempt import Attempt
from pytest_polecat.rundir import RunDir
from tests.fake_server import FakeServer


@dataclass
class Bench:
    """A folder with a polecat.toml whose profile `fake` reaches the fake server, and ways to run pytest in it."""

    pytester: pytest.Pytester
    server: FakeServer
    xdist: bool

    @property
    def folder(self) -> Path:
        return self.pytester.path

    def suite(self, text: str, name: str = "sea.polecat.yaml") -> Path:
        file = self.folder / name
        file.write_text(textwrap.dedent(text), encoding="utf-8")
        return file

    def profile(self, name: str, lines: str) -> None:
        with (self.folder / "polecat.toml").open("a", encoding="utf-8") as config:
            config.write(f"\n[profiles.{name}]\n{textwrap.dedent(lines)}\n")

    def ask(self, *args: str, model: str | None = "fake", path: str = ".") -> pytest.RunResult:
        """Run pytest on `path`, whether it is proven or not; with xdist in that mode."""
        named = ["--polecat-allow-unproven", *([f"--polecat-model={model}"] if model else [])]
        workers = ["-n2"] if self.xdist else []
        return self.pytester.runpytest_subprocess(
            "-p", "no:cacheprovider", "-p", "no:hypothesispytest", *named, *workers, *args, path, timeout=90
        )

    @property
    def runs(self) -> list[RunDir]:
        return [RunDir(file.parent) for file in sorted(self.folder.glob("polecat-runs/*/run.json"))]

    @property
    def run(self) -> RunDir:
        (run,) = self.runs
        return run

    @property
    def attempts(self) -> dict[str, Attempt]:
        """The attempts of the only run by question id (with the epoch where there are several)."""
        found = list(self.run.attempts())
        several = any(attempt.epoch > 1 for attempt in found)
        return {f"{each.question}-e{each.epoch}" if several else each.question: each for each in found}


@pytest.fixture(params=["plain", "xdist"])
def bench(request: pytest.FixtureRequest, pytester: pytest.Pytester, fake_server: FakeServer) -> Bench:
    """Both modes: every test that uses it runs plain and under xdist."""
    for variable in ("PYTEST_ADDOPTS", "POLECAT_MODELS_DIR"):
        os.environ.pop(variable, None)
    made = Bench(pytester, fake_server, request.param == "xdist")
    made.profile("fake", f'url = "{fake_server.url}"\nmodel = "fake"\nparallel = 4\nanswer_timeout = 20')
    return made
