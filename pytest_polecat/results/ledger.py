"""The ledger: the one writer of a run's attempts, and the judge of the exit status."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from pytest_polecat.jsonl import LineWriter, json_line
from pytest_polecat.records.attempt import Attempt, Case, Result
from pytest_polecat.records.outcome import FailureMode, Outcome
from pytest_polecat.results.resuming import Earlier
from pytest_polecat.rundir import RunDir


class Ledger:
    """Writes attempts as they are reported and remembers them without their findings.

    `cases` is what was selected: the denominator. Whatever pytest never reported stays missing there. `earlier` are the
    attempts that earlier sessions of the run have finished.
    """

    def __init__(self, run: RunDir, cases: Sequence[Case], earlier: Earlier) -> None:
        self.run = run
        self.cases = cases
        self.attempts: dict[str, Result] = {}
        self.forgiven = 0
        self._failed_subtests: set[str] = set()
        self.other_failures = 0
        self._by_nodeid = {case.nodeid: case for case in cases}
        for case in cases:
            if attempt := earlier.finished(case):
                self.attempts[case.nodeid] = Result.of(case, attempt.__dict__)
        self.resumed = len(self.attempts)
        self.earned = sum(attempt.earned for attempt in self.attempts.values())
        self._lines = LineWriter(run.attempts_file)

    def record(self, report: pytest.TestReport) -> dict[str, Any] | None:
        """Take note of a report; returns the record to leave on it, without what takes much room."""
        record = getattr(report, "polecat", None)
        case = self._by_nodeid.get(report.nodeid)
        crashed = record is None and report.when not in {"setup", "call", "teardown"}
        if crashed and case is not None and report.nodeid not in self.attempts:
            record = _broken(case, f"the test process died while it ran this: {str(report.longrepr).strip()[:200]}")
        if record is None:
            self._take_note(report, subtest=case is not None and hasattr(report, "context"))
            return None
        if case is not None and (record.get("hash"), record.get("grader", "")) != (case.hash, case.grader):
            record = _broken(case, "its suite was changed while it was asked; go on with --polecat-resume")
        if report.nodeid in self._failed_subtests and record["outcome"] == Outcome.PASSED:
            record |= {"outcome": str(Outcome.MISSED), "mode": str(FailureMode.TEST_FAILURE), "earned": 0.0}
            record["message"] = "a subtest failed"
        self._lines.append(json_line(record))
        if report.failed:
            only_missed = record["outcome"] in (Outcome.MISSED, Outcome.PARTIAL)
            self.forgiven += only_missed
            self.other_failures += not only_missed
        slim = {key: value for key, value in record.items() if key not in {"findings", "replies"}}
        before = self.attempts.get(report.nodeid)
        result = Result.of(case or Case.model_validate(record), record)
        self.attempts[report.nodeid] = result
        self.earned += result.earned - (before.earned if before else 0)
        return slim

    def _take_note(self, report: pytest.TestReport, *, subtest: bool) -> None:
        """A report without a record: of a failed subtest, whose test will be a miss, or of something else."""
        if report.failed and subtest:
            self._failed_subtests.add(report.nodeid)
            self.forgiven += 1
        elif report.failed:
            self.other_failures += 1

    @property
    def broken(self) -> int:
        """Attempts that broke for a reason of ours or the machine's."""
        return self.count(Outcome.BROKEN)

    @property
    def missing(self) -> int:
        """Selected items that were never decided."""
        return len(self._by_nodeid) - len(self.attempts)

    def count(self, outcome: Outcome) -> int:
        """Attempts with this outcome."""
        return Counter(attempt.outcome for attempt in self.attempts.values())[outcome]

    def exit_status(self, status: int, *, failed: int, stopped: bool) -> int:
        """The exit status of the session, given pytest's own and how many failures pytest counted.

        Misses alone do not fail a session; anything broken, missing or failed besides does. A session that `-x` or
        `--maxfail` stopped keeps pytest's verdict.
        """
        sound = not (self.broken or self.missing or self.other_failures)
        if status == pytest.ExitCode.NO_TESTS_COLLECTED and self.resumed:
            status = pytest.ExitCode.OK
        if status == pytest.ExitCode.TESTS_FAILED and sound and failed == self.forgiven and not stopped:
            return pytest.ExitCode.OK
        if status == pytest.ExitCode.OK and not sound:
            return pytest.ExitCode.TESTS_FAILED
        return status

    def close(self) -> None:
        """Close the file of attempts."""
        self._lines.close()


def _broken(case: Case, why: str) -> dict[str, Any]:
    attempt = Attempt(**case.model_dump(), outcome=Outcome.BROKEN, mode=FailureMode.SUITE_ERROR, message=why)
    return attempt.model_dump(mode="json", exclude_none=True)
