"""The controller's part: it owns the servers and the ledger, completes the run and reports it.

Registered in pytest itself, never in an xdist worker. Without xdist the same process also runs the items.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from pytest_polecat.asking.asker import WeightHashes
from pytest_polecat.asking.launch.keeper import Servers
from pytest_polecat.errors import PolecatError
from pytest_polecat.questions import selftest
from pytest_polecat.records.profile import Profile
from pytest_polecat.records.run import Run
from pytest_polecat.reporting import terminal
from pytest_polecat.reporting.html.page import write_page
from pytest_polecat.reporting.selftest import write_proofs
from pytest_polecat.results import identity
from pytest_polecat.results.ledger import Ledger
from pytest_polecat.results.proof import Proof, prove
from pytest_polecat.results.summary import ProfileSummary, policy_line, summarise
from pytest_polecat.rundir import RunDir
from pytest_polecat.settings import Settings


class Controller:
    """One run from its selection to its report."""

    def __init__(
        self,
        config: pytest.Config,
        settings: Settings,
        run: RunDir,
        profiles: Mapping[str, Profile],
        servers: Servers,
        workers: int,
        weights: Mapping[str, WeightHashes],
    ) -> None:
        self.config = config
        self.settings = settings
        self.run = run
        self.profiles = profiles
        self.servers = servers
        self.workers = workers
        self.weights = weights
        self.ledger: Ledger | None = None
        self.exit_status = 0
        self.reports: dict[str, Path | None] = {}
        self.notes: list[str] = []
        self._identity: Run | None = None
        self._proofs: list[Proof] = []

    @property
    def begun(self) -> bool:
        """Whether there is anything to record."""
        return self.ledger is not None

    def begin(self) -> None:
        """Open the run: what was selected is on disk now."""
        if self.begun or not (self.run.path / "selected.jsonl").exists():
            return
        cases = self.run.cases()
        self._identity = identity.started(
            self.run,
            self.config,
            self.profiles,
            cases,
            seed=self.settings.seed,
            epochs=self.settings.epochs,
            workers=self.workers,
            weights=self.weights,
        )
        self.run.write_run(self._identity)
        self.ledger = Ledger(self.run, cases)
        if self.workers > 1:
            for name, profile in self.profiles.items():
                if profile.launcher_name != selftest.LAUNCHER:
                    self.servers.begin(name)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Write the attempt down before anybody else sees the report, and leave the short form on it."""
        if self.ledger is None:
            return
        slim = self.ledger.record(report)
        if slim is not None:
            report.polecat = slim  # type: ignore[attr-defined]

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Stop the servers, decide the exit status, complete the run and make its pages."""
        self.servers.stop()
        if self.ledger is None or self._identity is None:
            return
        stopped = bool(session.shouldfail or session.shouldstop)
        self.ledger.close()
        if self.settings.selftest:
            self._proofs = prove(self.run.questions().values(), self.run.attempts())
            if exitstatus == pytest.ExitCode.OK and any(proof.faults for proof in self._proofs):
                session.exitstatus = pytest.ExitCode.TESTS_FAILED
            return
        self.exit_status = session.exitstatus = self.ledger.exit_status(
            int(exitstatus), failed=session.testsfailed, stopped=stopped
        )
        if session.testsfailed > self.ledger.forgiven + self.ledger.broken:
            self.notes.append("something besides the questions failed; it decides the exit status")
        interrupted = stopped or exitstatus == pytest.ExitCode.INTERRUPTED or self.ledger.missing > 0
        self._identity = identity.finished(self._identity, self.run, interrupted=interrupted)
        try:
            self.run.write_run(self._identity)
            self._write_pages()
        except OSError as error:
            self.notes.append(f"the run can't be written: {error}; what is above was counted in memory")
            self.exit_status = session.exitstatus = int(session.exitstatus) or pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Sum up the run."""
        if self.ledger is None or self._identity is None:
            return
        if self.settings.selftest:
            write_proofs(terminalreporter, self._proofs)
            return
        terminal.write_summary(
            terminalreporter, self._identity, self.summaries(), self.reports, self.exit_status, self.notes
        )

    def pytest_unconfigure(self) -> None:
        """Whatever happened, nothing of ours outlives pytest."""
        self.servers.stop()
        if self.settings.selftest:
            shutil.rmtree(self.run.path, ignore_errors=True)

    def summaries(self) -> dict[str, ProfileSummary]:
        """The summary of each profile."""
        if self.ledger is None or self._identity is None:
            return {}
        attempts = self.ledger.attempts.values()
        return summarise(self.ledger.cases, attempts, deselected=self._identity.deselected)

    def verdicts(self) -> list[str]:
        """The policy line of each profile."""
        summaries = self.summaries()
        return [policy_line(summary, self.exit_status, name=len(summaries) > 1) for summary in summaries.values()]

    def pages(self) -> dict[str, Path]:
        """The pages that were made, by what a link to them says."""
        return {f"polecat report: {name}": page for name, page in self.reports.items() if page is not None}

    def _write_pages(self) -> None:
        brought = self.config.hook.pytest_polecat_report_columns(config=self.config)
        columns = [column for columns in brought for column in columns]
        asked = {case.profile for case in self.ledger.cases} if self.ledger else set()
        for name in [name for name in self.profiles if name in asked]:
            path = self.run.report(name if len(self.profiles) > 1 else None)
            try:
                write_page(self.run, name, path, columns)
                self.reports[name] = path
            except PolecatError as error:
                self.reports[name] = None
                self.notes.append(str(error))
