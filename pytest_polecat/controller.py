"""The controller's part: it owns the servers and the ledger, completes the run and reports it.

Registered in pytest itself, never in an xdist worker. Without xdist the same process also runs the items. What reports
is imported when the first questions have been asked: nobody waits for it then.
"""

from __future__ import annotations

import shlex
from collections.abc import Generator, Sequence
from contextlib import ExitStack
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_polecat.asking.identities import Identities
from pytest_polecat.asking.launch.keeper import Servers
from pytest_polecat.errors import PolecatError, RecordingError
from pytest_polecat.places import Place
from pytest_polecat.questions import selftest
from pytest_polecat.records.activity import Activity
from pytest_polecat.records.attempt import Case
from pytest_polecat.records.run import Run
from pytest_polecat.results import identity, proven
from pytest_polecat.results.ledger import Ledger
from pytest_polecat.settings import Settings

if TYPE_CHECKING:
    from pytest_polecat.reporting.html.pages import Pages
    from pytest_polecat.reporting.progress import Progress
    from pytest_polecat.results.proof import Proof
    from pytest_polecat.results.results import Results


class Controller:
    """One run from its selection to its report."""

    def __init__(
        self,
        config: pytest.Config,
        settings: Settings,
        place: Place,
        identities: Identities,
        servers: Servers,
        workers: int,
    ) -> None:
        """`workers`: how many xdist workers ask; 0 where pytest itself does."""
        self.config = config
        self.settings = settings
        self.place = place
        self.run = place.run
        self.identities = identities
        self.profiles = identities.profiles
        self.servers = servers
        self.workers = workers
        self.ledger: Ledger | None = None
        self.exit_status = 0
        self.reports: dict[str, Path | None] = {}
        self.notes: list[str] = []
        self._identity: Run | None = None
        self._proofs: list[Proof] = []
        self._over: Results | None = None
        self._pages: Pages | None = None

    @property
    def begun(self) -> bool:
        """Whether there is anything to record."""
        return self.ledger is not None

    def begin(self, cases: Sequence[Case] | None = None) -> bool:
        """Open the run: what was selected is on disk now, and `cases` if it is known here.

        Whether it was opened by this call.
        """
        if self.begun or not self.run.has_proposal():
            return False
        self._refuse_unproven()
        try:
            with self.run.beginning():
                self._open(cases)
        except PolecatError as error:
            raise pytest.UsageError(str(error)) from None
        assert self.ledger is not None  # noqa: S101 - just opened
        if self.workers and self.settings.replay is None:
            self.servers.listen()
            for name in self._asked() if self.ledger.missing else ():
                self.servers.begin(name)
        return True

    def _open(self, cases: Sequence[Case] | None) -> None:
        self.run.take()
        self.run.adopt_selection()
        cases = self.run.cases() if cases is None else cases
        with ExitStack() as given_up:
            ledger = Ledger(self.run, cases, self.place.earlier)
            given_up.callback(ledger.close)
            begun = self._begun(cases, ledger.resumed)
            self.run.write_run(begun)
            given_up.pop_all()
        self.ledger, self._identity = ledger, begun

    def _asked(self) -> list[str]:
        return [name for name, profile in self.profiles.items() if profile.launcher_name != selftest.LAUNCHER]

    def _refuse_unproven(self) -> None:
        if self.settings.allow_unproven:
            return
        if why := proven.refusal(self.run.proposed_questions(), self.config.invocation_params.dir):
            raise pytest.UsageError(why)

    def _begun(self, cases: Sequence[Case], finished: int) -> Run:
        begun = identity.started(
            self.run,
            self.config,
            self.profiles,
            cases,
            seed=self.settings.seed,
            epochs=self.settings.epochs,
            workers=max(1, self.workers),
            identities=self.identities,
        )
        if self.settings.replay is not None:
            return identity.replayed(begun, self.settings.replay.run)
        if self.place.before is None:
            return begun
        changes = self.place.earlier.changes(cases)
        self._tell(f"polecat: resuming the run {self.run.id}: {finished} of {len(cases)} finished")
        for change in changes:
            self._tell(f"polecat: {change}")
        return identity.resumed(begun, self.place.before, self.run, finished=finished, changes=changes)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> Generator[None]:
        """Write the attempt down before anybody else sees the report, and leave the short form on it.

        Pytest keeps all reports to the end: by then, what they are called is all that anybody asks them.
        """
        slim = None
        if self.ledger is not None:
            try:
                slim = self.ledger.record(report)
            except OSError as error:
                pytest.exit(str(RecordingError.of(self.run.path, error)))
        if slim is not None:
            report.polecat = slim  # type: ignore[attr-defined]
        yield
        while slim is not None and self.workers and self.prepare():
            pass  # the workers ask; nobody waits for us
        if slim is not None:
            report.polecat = _remembered(slim["outcome"], selftest=bool(slim.get("selftest")))  # type: ignore[attr-defined]

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Let go of the reports of set-ups and tear-downs that say nothing: pytest keeps them all to the end."""
        reporter = self.config.pluginmanager.get_plugin("terminalreporter")
        kept = reporter.stats.get("", []) if reporter is not None and self.ledger is not None else []
        while kept and kept[-1].nodeid == nodeid and not kept[-1].sections:
            kept.pop()

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Stop the servers, decide the exit status, complete the run and make its pages."""
        self.servers.stop()
        if self.ledger is None or self._identity is None:
            return
        stopped = bool(session.shouldfail or session.shouldstop)
        self.ledger.close()
        if self.settings.selftest:
            from pytest_polecat.results.proof import prove

            self._proofs = prove(self.run.questions().values(), self.run.attempts())
            self.notes += proven.keep(each for proof in self._proofs for each in proof.judged)
            if exitstatus == pytest.ExitCode.OK and any(proof.faults for proof in self._proofs):
                session.exitstatus = pytest.ExitCode.TESTS_FAILED
            return
        self.exit_status = session.exitstatus = self.ledger.exit_status(
            int(exitstatus), failed=session.testsfailed, stopped=stopped
        )
        if session.testsfailed > self.ledger.forgiven + self.ledger.broken:
            self.notes.append("something besides the questions failed; it decides the exit status")
        interrupted = stopped or exitstatus == pytest.ExitCode.INTERRUPTED or self.ledger.missing > 0
        if (interrupted or self.ledger.broken) and self.settings.replay is None:
            self.notes.append(f"go on with: {_resuming(self._identity.command)}")
        begun, self._identity = self._identity, identity.finished(self._identity, self.run, interrupted=interrupted)
        self.notes += [*identity.served_differently(begun, self._identity), *proven.remarks(self._identity)]
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
            from pytest_polecat.reporting.selftest import write_proofs

            write_proofs(terminalreporter, self._proofs, self.notes)
            return
        from pytest_polecat.reporting.terminal import write_summary

        results = self._results()
        summaries = results.summaries if results else {}
        write_summary(terminalreporter, self._identity, summaries, self.reports, self.exit_status, self.notes)

    def pytest_unconfigure(self) -> None:
        """Whatever happened, nothing of ours outlives pytest."""
        self.servers.stop()
        if self._pages is not None:
            self._pages.close()
        # A worker that takes a crashed one's place has written a selection, too; nobody wants it.
        self.run.drop_selection()
        if self.settings.selftest or not self.begun:
            self.run.remove()
        self.run.release()

    def progress(self, activity: Activity) -> Progress:
        """How far the run is, given what goes on."""
        from pytest_polecat.reporting.progress import Progress

        attempts = self.ledger.attempts if self.ledger else {}
        return Progress(
            done=len(attempts),
            total=len(self.ledger.cases) if self.ledger else 0,
            earlier=self.ledger.resumed if self.ledger else 0,
            in_flight=activity.in_flight,
            tokens=activity.tokens,
            points=self.ledger.earned if self.ledger else 0,
            doing=self.servers.starting,
        )

    def _tell(self, line: str) -> None:
        reporter = self.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter.ensure_newline()
            reporter.write_line(line)

    def _results(self) -> Results | None:
        """What the run came to; the same once it is over."""
        from pytest_polecat.results.results import Results

        if self.ledger is None or self._identity is None:
            return None
        if self._over is None or self._over.run is not self._identity:
            self._over = Results(self._identity, self.ledger.cases, list(self.ledger.attempts.values()))
        return self._over

    def verdicts(self) -> list[str]:
        """The policy line of each profile."""
        from pytest_polecat.results.summary import policy_line

        results = self._results()
        summaries = results.summaries if results else {}
        return [policy_line(summary, self.exit_status, name=len(summaries) > 1) for summary in summaries.values()]

    def pages(self) -> dict[str, Path]:
        """The pages that were made, by what a link to them says."""
        return {f"polecat report: {name}": page for name, page in self.reports.items() if page is not None}

    def prepare(self) -> bool:
        """Do a little of what reporting needs; for when nothing else is to be done. Whether there may be more."""
        if self.ledger is None or self.settings.selftest:
            return False
        if self._pages is None:
            from pytest_polecat.reporting.html.pages import Pages

            import_module("pytest_polecat.reporting.terminal")
            self._pages = Pages(self.run, self.ledger.cases, several=len(self.profiles) > 1)
            return True
        return self._pages.prepare(self.ledger.attempts)

    def _write_pages(self) -> None:
        from pytest_polecat.reporting.columns import Column
        from pytest_polecat.reporting.html.pages import Pages
        from pytest_polecat.third_party import blamed

        assert self.ledger is not None  # noqa: S101 - there is a run to show
        columns: list[Column] = []
        try:
            with blamed("the hook pytest_polecat_report_columns"):
                brought = self.config.hook.pytest_polecat_report_columns(config=self.config)
                columns = [Column(column.heading, column.cell) for columns in brought for column in columns]
        except PolecatError as error:
            self.notes.append(f"{error}; the page lacks its columns")
        pages = self._pages or Pages(self.run, self.ledger.cases, several=len(self.profiles) > 1)
        self.reports, problems = pages.write(columns, self._results())
        self.notes += problems


@cache
def _remembered(outcome: str, *, selftest: bool) -> dict[str, object]:
    return {"outcome": outcome, "selftest": True} if selftest else {"outcome": outcome}


def _resuming(command: Sequence[str]) -> str:
    told = any(word.startswith("--polecat-resume") for word in command)
    return shlex.join(command if told else (*command, "--polecat-resume"))
