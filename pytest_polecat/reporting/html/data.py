"""What a page shows, gathered from a run's folder: plain data, every long text already clipped."""

import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter, itemgetter
from typing import Any

from pydantic import ValidationError

from pytest_polecat.errors import PolecatError
from pytest_polecat.jsonl import LineIndex, line_count
from pytest_polecat.records.attempt import Attempt, Case, Finding
from pytest_polecat.records.outcome import FailureMode, Outcome
from pytest_polecat.records.question import Question
from pytest_polecat.records.run import Run
from pytest_polecat.reporting.columns import Column
from pytest_polecat.reporting.html.facts import Fact, facts_of_run
from pytest_polecat.reporting.html.kept import Exchange, declared, exchanges
from pytest_polecat.reporting.text import Clipped, shortened
from pytest_polecat.results.results import Results
from pytest_polecat.results.summary import ProfileSummary, latest_by_key, number
from pytest_polecat.rundir import RunDir

CONTENT_LIMIT = 16 * 1024
"""Characters of a reply that are shown; of one that passed, and of reasoning, a quarter."""

_PAGE = 32 * 2**20
"""Characters of replies on a page, at most about: a browser has to take it."""

_SHORTEST = 512

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


class EntryReader:
    """Reads the entries of a page out of a run's folder, one at a time: least work in the order of the attempts."""

    def __init__(
        self, rundir: RunDir, cases: Sequence[Case], columns: Sequence[Column] = (), *, repeated: bool = False
    ) -> None:
        """`cases` are all that the page lists. `repeated`: some may have been attempted more than once."""
        self._rundir = rundir
        self._columns = columns
        self._limit = max(_SHORTEST, min(CONTENT_LIMIT, _PAGE // max(1, len(cases))))
        self._attempts = LineIndex(rundir.attempts_file, Attempt.model_validate, attrgetter("key"), repeated=repeated)
        self._questions = LineIndex(rundir.questions_file, dict[str, Any], itemgetter("hash"))

    def entry(self, case: Case) -> Entry:
        """The entry of a case."""
        attempt = self._attempts.get(case.key)
        cells = _cells(attempt, self._columns)
        return _entry(self._rundir, case, attempt, self._questions.get(case.hash), self._limit, cells)

    def close(self) -> None:
        """Close the files."""
        self._attempts.close()
        self._questions.close()


@dataclass(frozen=True)
class Entries:
    """The entries of a page, made one after the other as often as they are asked for: all at once take much memory.

    `repeated`: some case was attempted more than once, and the last attempt counts.
    """

    rundir: RunDir
    cases: Sequence[Case]
    columns: Sequence[Column]
    repeated: bool

    def __iter__(self) -> Iterator[Entry]:
        with closing(EntryReader(self.rundir, self.cases, self.columns, repeated=self.repeated)) as reader:
            yield from map(reader.entry, self.cases)


@dataclass(frozen=True)
class PageData:
    """Everything on the page of one profile in a run."""

    profile: str
    run_id: str
    status: tuple[str, ...]
    facts: Mapping[str, Sequence[Fact]]
    error: str
    summary: ProfileSummary
    entries: Entries
    outcomes: Mapping[str, int]
    headings: tuple[str, ...] = ()

    @property
    def infrastructure(self) -> frozenset[str]:
        """The failure modes that are not the model's doing."""
        return frozenset(mode.value for mode in FailureMode if mode.infrastructure)


def page_data(rundir: RunDir, profile: str, columns: Sequence[Column] = (), results: Results | None = None) -> PageData:
    """Gather the page of one profile. Raises PolecatError if the run can't be read or never asked that profile.

    `columns` are third parties' further columns in the list of questions; `results` what the run came to, where that is
    known already.
    """
    results = results or Results.read(rundir)
    run, summary = results.run, results.summaries.get(profile)
    if summary is None:
        known = ", ".join(sorted(results.summaries)) or "none"
        raise PolecatError(f"{rundir.path} holds nothing of the profile {profile!r}; it holds: {known}")
    mine = [case for case in results.cases if case.profile == profile]
    latest = latest_by_key(results.attempts)
    attempts = (latest.get(case.key) for case in mine)
    found = Counter(attempt.outcome.value if attempt else NOT_RUN for attempt in attempts)
    served = run.profiles.get(profile)
    repeated = line_count(rundir.attempts_file) != len(latest)
    return PageData(
        profile=profile,
        run_id=run.id,
        status=_status(run, summary),
        facts=facts_of_run(run, profile),
        error=(served.error or "") if served else "",
        summary=summary,
        entries=Entries(rundir, mine, columns, repeated),
        outcomes={name: found[name] for name in GLYPHS if found[name]},
        headings=tuple(column.heading for column in columns),
    )


def _status(run: Run, summary: ProfileSummary) -> tuple[str, ...]:
    words = ["complete" if summary.complete else "incomplete"]
    if summary.subset:
        words.append(f"subset: {summary.selected} of {summary.selected + summary.deselected} selected")
    if run.sandbox is not None and not run.sandbox.isolated:
        words.append(f"UNSAFE sandbox: {run.sandbox.engine}, not isolated")
    if run.status != "finished":
        words.append("interrupted" if run.status == "interrupted" else "still running, or ended without a word")
    return tuple(words)


def _entry(
    rundir: RunDir,
    case: Case,
    attempt: Attempt | None,
    asked: Mapping[str, Any] | None,
    longest: int,
    cells: tuple[str, ...],
) -> Entry:
    question = _question(asked)
    outcome = attempt.outcome.value if attempt else NOT_RUN
    limit = longest // 4 if outcome == Outcome.PASSED else longest
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
        cells=cells,
    )


def _cells(attempt: Attempt | None, columns: Sequence[Column]) -> tuple[str, ...]:
    record = attempt.model_dump(mode="json") if attempt and columns else {}
    return tuple(shortened(_cell(column, record), _CELL_LIMIT) if record else "" for column in columns)


def _cell(column: Column, record: dict[str, Any]) -> str:
    try:
        return str(column.cell(record))
    except Exception as error:  # a third party's, and no reason to show nothing at all
        return f"failed: {type(error).__name__}: {error}"


def _finding(finding: Finding) -> Finding:
    message = shortened(finding.message, _MESSAGE_LIMIT)
    return finding if message is finding.message else finding.model_copy(update={"message": message})


def _question(line: Mapping[str, Any] | None) -> Question | None:
    try:
        return Question.model_validate(line["question"]) if line else None
    except (KeyError, ValidationError):
        return None


def _command(case: Case) -> str:
    how = "--polecat-selftest" if case.profile.startswith("@") else f"--polecat-model={case.profile}"
    return f"pytest {_quoted(how)} {shlex.quote(case.nodeid)}"


_quoted = lru_cache(shlex.quote)
