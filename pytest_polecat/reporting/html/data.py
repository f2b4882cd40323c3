"""What a page shows, gathered from a run's folder: plain data, every long text already clipped."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from pytest_polecat.errors import PolecatError
from pytest_polecat.records.attempt import Attempt, Case, Finding
from pytest_polecat.records.outcome import FailureMode, Outcome
from pytest_polecat.records.question import Question
from pytest_polecat.records.run import Run
from pytest_polecat.reporting.columns import Column
from pytest_polecat.reporting.html.facts import Fact, facts_of_run
from pytest_polecat.reporting.html.kept import Exchange, declared, exchanges
from pytest_polecat.reporting.text import Clipped, shortened
from pytest_polecat.results.summary import ProfileSummary, number, paired, summarise
from pytest_polecat.rundir import RunDir

CONTENT_LIMIT = 16 * 1024
"""Characters of a reply that are shown; of one that passed, and of reasoning, a quarter."""

_MESSAGE_LIMIT = 2048
_CELL_LIMIT = 80

NOT_RUN = "not run"

GLYPHS = {"passed": "✓", "partial": "◐", "missed": "✗", "broken": "⚠", "skipped": "–", NOT_RUN: "○"}
"""A shape for every outcome, so that colour is never the only sign."""


@dataclass(frozen=True)
class Entry:
    """One attempt in the list of questions; `outcome` may be `not run`. `generation_ms` is wall time."""

    anchor: str
    case: Case
    outcome: str
    earned: float | None
    mode: str
    infrastructure: bool
    message: str
    flags: tuple[str, ...]
    findings: tuple[Finding, ...]
    tokens: int | None
    generation_ms: float | None
    seed: int | None
    worker: str
    system: Clipped | None
    exchanges: tuple[Exchange, ...]
    again: str
    cells: tuple[str, ...] = ()

    @property
    def glyph(self) -> str:
        """The shape that stands for the outcome."""
        return GLYPHS[self.outcome]

    @property
    def points(self) -> str:
        """Points earned of those possible; a dash where nothing was scored."""
        return f"{'–' if self.earned is None else number(self.earned)}/{number(self.case.points)}"


@dataclass(frozen=True)
class PageData:
    """Everything on the page of one profile in a run."""

    profile: str
    run_id: str
    status: tuple[str, ...]
    facts: Mapping[str, Sequence[Fact]]
    error: str
    summary: ProfileSummary
    entries: tuple[Entry, ...]
    headings: tuple[str, ...] = ()

    @property
    def infrastructure(self) -> frozenset[str]:
        """The failure modes that are not the model's doing."""
        return frozenset(mode.value for mode in FailureMode if mode.infrastructure)

    @property
    def outcomes(self) -> dict[str, int]:
        """How many entries have each outcome that occurs, in the order of the glyphs."""
        counts = {name: sum(entry.outcome == name for entry in self.entries) for name in GLYPHS}
        return {name: count for name, count in counts.items() if count}


def page_data(rundir: RunDir, profile: str, columns: Sequence[Column] = ()) -> PageData:
    """Gather the page of one profile. Raises PolecatError if the run can't be read or never asked that profile.

    `columns` are third parties' further columns in the list of questions.
    """
    run, cases = rundir.read_run(), rundir.cases()
    attempts = [attempt for attempt in rundir.attempts() if attempt.profile == profile]
    summary = summarise(cases, attempts, deselected=run.deselected).get(profile)
    if summary is None:
        known = ", ".join(sorted({case.profile for case in cases})) or "none"
        raise PolecatError(f"{rundir.path} holds nothing of the profile {profile!r}; it holds: {known}")
    questions = rundir.questions()
    mine = [case for case in cases if case.profile == profile]
    served = run.profiles.get(profile)
    return PageData(
        profile=profile,
        run_id=run.id,
        status=_status(run, summary),
        facts=facts_of_run(run, profile),
        error=(served.error or "") if served else "",
        summary=summary,
        entries=tuple(
            replace(_entry(rundir, case, attempt, questions), cells=_cells(attempt, columns))
            for case, attempt in paired(mine, attempts)
        ),
        headings=tuple(column.heading for column in columns),
    )


def _status(run: Run, summary: ProfileSummary) -> tuple[str, ...]:
    words = ["complete" if summary.complete else "incomplete"]
    if summary.subset:
        words.append(f"subset: {summary.selected} of {summary.selected + summary.deselected} selected")
    if run.status != "finished":
        words.append("interrupted" if run.status == "interrupted" else "still running, or ended without a word")
    return tuple(words)


def _entry(rundir: RunDir, case: Case, attempt: Attempt | None, questions: Mapping[str, dict[str, Any]]) -> Entry:
    question = _question(questions.get(case.hash))
    outcome = attempt.outcome.value if attempt else NOT_RUN
    limit = CONTENT_LIMIT // 4 if outcome == Outcome.PASSED else CONTENT_LIMIT
    said = exchanges(rundir, attempt.replies, limit) if attempt else ()
    if question is not None:
        said = declared(question, said, limit)
    mode = attempt.mode if attempt else None
    return Entry(
        anchor=f"{case.suite}/{case.question}/{case.epoch}" + (f"/{case.variant}" if case.variant else ""),
        case=case,
        outcome=outcome,
        earned=attempt.earned if attempt and outcome in ("passed", "partial", "missed") else None,
        mode=mode.value if mode else "",
        infrastructure=isinstance(mode, FailureMode) and mode.infrastructure,
        message=shortened(attempt.message, _MESSAGE_LIMIT) if attempt else "",
        flags=attempt.flags if attempt else (),
        findings=tuple(map(_finding, attempt.findings)) if attempt else (),
        tokens=attempt.completion_tokens if attempt else None,
        generation_ms=attempt.generation_ms if attempt else None,
        seed=attempt.seed if attempt else None,
        worker=attempt.worker if attempt else "",
        system=next((exchange.system for exchange in said if exchange.system), None),
        exchanges=said,
        again=_command(case),
    )


def _cells(attempt: Attempt | None, columns: Sequence[Column]) -> tuple[str, ...]:
    record = attempt.model_dump(mode="json") if attempt and columns else {}
    return tuple(shortened(str(column.cell(record)), _CELL_LIMIT) if record else "" for column in columns)


def _finding(finding: Finding) -> Finding:
    return finding.model_copy(update={"message": shortened(finding.message, _MESSAGE_LIMIT)})


def _question(line: Mapping[str, Any] | None) -> Question | None:
    try:
        return Question.model_validate(line["question"]) if line else None
    except (KeyError, ValidationError):
        return None


def _command(case: Case) -> str:
    how = "--polecat-selftest" if case.profile.startswith("@") else f"--polecat-model={case.profile}"
    return shlex.join(["pytest", how, case.nodeid])
