"""What a run came to, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

from pytest_polecat.records.attempt import Case, Graded
from pytest_polecat.records.base import lean
from pytest_polecat.records.run import Run
from pytest_polecat.results.summary import ProfileSummary, summarise
from pytest_polecat.rundir import RunDir


@dataclass(frozen=True)
class Results:
    """A run's identity, the selected cases in order, and the attempts in order, without their findings."""

    run: Run
    cases: Sequence[Case]
    attempts: Sequence[Graded]

    @classmethod
    def read(cls, rundir: RunDir) -> Self:
        """Those in a run's folder."""
        run = rundir.read_run()
        return cls(run, [lean(case) for case in rundir.cases()], [*rundir.verdicts()])

    @cached_property
    def summaries(self) -> dict[str, ProfileSummary]:
        """The summary of each profile."""
        return summarise(self.cases, self.attempts, deselected=self.run.deselected)
