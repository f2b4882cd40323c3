"""The run that a session writes: a new one, or one that an earlier session left unfinished."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_polecat.records.run import Run
from pytest_polecat.results.resuming import Earlier, run_to_resume
from pytest_polecat.rundir import RunDir
from pytest_polecat.settings import Settings


@dataclass(frozen=True)
class Place:
    """The run's folder, and what a resumed session takes over: its identity and its finished attempts.

    `until` are the bytes of attempts that were there when the session began: every xdist worker has to take the same
    ones for finished, also one that starts later in place of another.
    """

    run: RunDir
    earlier: Earlier
    before: Run | None = None
    until: int = 0

    @classmethod
    def of(cls, settings: Settings) -> Place:
        """The place of a session of this process. Raises `PolecatError`."""
        if settings.selftest:
            return cls(RunDir(Path(tempfile.mkdtemp(prefix="polecat-selftest-")), ours=True), Earlier({}))
        if settings.resume is None:
            return cls(RunDir.planned(settings.runs), Earlier({}))
        run = run_to_resume(settings.runs, settings.resume, settings.models)
        run.take()
        until = run.attempts_file.stat().st_size if run.attempts_file.exists() else 0
        # An xdist controller begins when a worker has written the selection: one left over must not pass for it.
        run.drop_selection()
        return cls(run, Earlier.read(run, until), run.read_run(), until)

    @classmethod
    def given(cls, given: dict[str, Any]) -> Place:
        """The place that an xdist worker was told."""
        run = RunDir(Path(given["run"]))
        return cls(run, Earlier.read(run, given["until"]), until=given["until"])
