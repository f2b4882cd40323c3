"""What earlier sessions of a run have finished, and what has changed since."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pytest_polecat.errors import PolecatError
from pytest_polecat.jsonl import line_count
from pytest_polecat.records.attempt import Attempt, Case, Key
from pytest_polecat.records.outcome import Outcome
from pytest_polecat.records.run import Run
from pytest_polecat.rundir import RunDir

_NAMED = 3


@dataclass(frozen=True)
class Earlier:
    """The last attempt at each case, by key, without its findings.

    What was `broken` is not finished: the machine's faults are worth another try. `damaged` are attempts that can't be
    read any more.
    """

    attempts: Mapping[Key, Attempt]
    damaged: int = 0

    @classmethod
    def read(cls, run: RunDir, until: int | None = None) -> Earlier:
        """The attempts in the first `until` bytes of the run's file; of all of it, unless told."""
        attempts: dict[Key, Attempt] = {}
        whole = line_count(run.attempts_file, until)
        for attempt in run.verdicts(until):
            attempts[attempt.key] = attempt
            whole -= 1
        return cls(attempts, damaged=whole)

    def finished(self, case: Case) -> Attempt | None:
        """The attempt that makes it unnecessary to ask this case again."""
        attempt = self.attempts.get(case.key)
        return None if attempt is None or attempt.outcome is Outcome.BROKEN else attempt

    def changes(self, cases: Sequence[Case]) -> list[str]:
        """What has changed since: a sentence for each kind of change, with how much is asked anew for it."""
        before = {attempt.place: attempt for attempt in self.attempts.values()}
        changed = [(case, before[case.place]) for case in cases if case.place in before and not self.finished(case)]
        lost = self.damaged and any(case.place not in before for case in cases)
        return [
            *([f"attempts that can't be read any more: {self.damaged}; they are decided anew"] if lost else []),
            *_changed_profiles(changed),
            *_changed_seeds(changed),
            *_changed_questions([case for case, was in changed if case.hash != was.hash]),
            *_changed_graders([case for case, was in changed if case.grader != was.grader and case.hash == was.hash]),
        ]


def run_to_resume(runs: Path, name: str, models: Sequence[str]) -> RunDir:
    """The run of this name, or the newest one of these models if the name is empty.

    Raises `PolecatError` if there is none, or if it asked other models.
    """
    if not name:
        for run in RunDir.all(runs):
            with suppress(PolecatError):  # somebody else's, or damaged
                if _asked(run.read_run()) == list(models):
                    return run
        raise PolecatError(f"--polecat-resume: {runs} holds no run of {', '.join(models)}; leave the option out")
    run = RunDir.found(runs, name)
    asked = _asked(run.read_run())
    if asked != list(models):
        raise PolecatError(
            f"--polecat-resume: the run {run.id} asked {', '.join(asked)}, not {', '.join(models)}; repeat its command "
            f"and add the option: {shlex.join(run.read_run().command)}"
        )
    return run


def _asked(run: Run) -> list[str]:
    return list(run.profiles)


def _changed_profiles(changed: Iterable[tuple[Case, Attempt]]) -> Iterator[str]:
    counts = Counter(case.profile for case, was in changed if case.model != was.model)
    for name, count in counts.items():
        yield f"the profile {name} is not what it was (its weights, flags or sampling): {_anew(count)}"


def _changed_seeds(changed: Iterable[tuple[Case, Attempt]]) -> Iterator[str]:
    count = sum(case.seed != was.seed for case, was in changed)
    if count:
        yield f"the seed is not what it was: {_anew(count)}"


def _changed_questions(cases: Sequence[Case]) -> Iterator[str]:
    if cases:
        named = list(dict.fromkeys(f"{case.suite}/{case.question}" for case in cases))
        more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
        yield f"changed questions ({', '.join(named[:_NAMED])}{more}): {_anew(len(cases))}"


def _changed_graders(cases: Sequence[Case]) -> Iterator[str]:
    if cases:
        files = dict.fromkeys(case.nodeid.partition("::")[0] for case in cases)
        yield f"changed test files ({', '.join(files)}): {len(cases)} graded anew"


def _anew(count: int) -> str:
    return f"{count} asked anew"
