"""Around each item: asking ahead, judging what the body did, and putting the record on the report.

`ItemHooks` is registered in the process that runs items (pytest itself, or an xdist worker), once it is known that
there are questions to ask.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Any

import pytest

from pytest_polecat import second_try
from pytest_polecat.asking.asker import Asked, Asker
from pytest_polecat.asking.engine import Engine, Planned
from pytest_polecat.errors import PolecatError, RecordingError, SuiteError
from pytest_polecat.grading.grader import Grade, Grader
from pytest_polecat.grading.readable import answering
from pytest_polecat.grading.score import Score
from pytest_polecat.grading.verdict import Verdict, broken, conclude
from pytest_polecat.jsonl import json_line
from pytest_polecat.questions import selftest
from pytest_polecat.questions.cases import CaseParam, Entry
from pytest_polecat.questions.collecting import ENTRIES, case_of
from pytest_polecat.records.activity import Activity
from pytest_polecat.records.attempt import Attempt, Case
from pytest_polecat.records.outcome import Outcome
from pytest_polecat.records.profile import Profile
from pytest_polecat.settings import Settings
from pytest_polecat.third_party import blamed
from pytest_polecat.xdist import end_worker

SITTING = pytest.StashKey["Sitting"]()
ASKING = pytest.StashKey["ItemHooks"]()

_ANSWERED = frozenset({"polecat_replies", "polecat_grading"})
"""The fixtures that take the answer to an item's question."""

_AHEAD = 256
"""Answers that may wait for pytest beyond the item that it is at."""


@dataclass(frozen=True)
class Share:
    """The items that this process will run: every `of`-th from `number` on, if it is `strided`.

    Under another scheduler than ours a worker does not know its items, and nothing is asked ahead.
    """

    number: int = 0
    of: int = 1
    strided: bool = True


@dataclass
class Sitting:
    """One item's attempt while it lasts: what was asked, what was graded, and finally the record."""

    about: Case
    entry: Entry
    case: CaseParam
    profile: Profile
    asked: Asked | None = None
    grade: Grade | None = None
    score: Score = field(init=False)
    attempt: Attempt | None = None
    flags: list[str] = field(default_factory=list)
    of_sandbox: Sequence[str] = ()
    in_body: bool = False
    sandbox_retried: bool = False

    def __post_init__(self) -> None:
        self.score = Score(self.entry.question.points)

    def begin_again(self, item: pytest.Function) -> None:
        """Forget what the body came to so far: it is run once more."""
        self.sandbox_retried = True
        self.grade = None
        self.score = Score(self.entry.question.points)
        if "score" in item.funcargs:
            item.funcargs["score"] = self.score


class ItemHooks:
    """The hooks around items, and what the fixtures need: the engine, the profiles, the grader."""

    def __init__(
        self,
        settings: Settings,
        cases: Mapping[pytest.Item, Case],
        profiles: Mapping[str, Profile],
        grader: Grader,
        make_asker: Callable[[], Asker],
        share: Share,
        worker: str,
        tell: Callable[[Activity], None] | None,
        meanwhile: Callable[[], bool] | None,
    ) -> None:
        """`tell` is told what goes on, `meanwhile` called while pytest waits for an answer (see `Engine`)."""
        self.settings = settings
        self.profiles = profiles
        self._cases = cases
        self.grader = grader
        self.engine: Engine
        self._make_asker = make_asker
        self._share = share
        self._worker = worker
        self._tell = tell
        self._meanwhile = meanwhile

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Look ahead for as long as items run."""
        share = self._share
        items = session.items[share.number :: share.of] if share.strided else session.items
        ahead: int | None = _AHEAD if share.strided else 0
        if share.strided and session.config.getoption("maxfail", 0):
            ahead = None
        plan = list(self._plan(items))
        grade = partial(self._grade_ahead, session.config)
        self.engine = Engine(
            plan,
            self._make_asker,
            workers=share.of,
            ahead=ahead,
            grade=grade,
            tell=self._tell,
            meanwhile=self._meanwhile,
        )
        with self.engine:
            session.config.stash[ASKING] = self
            # A worker asks when it is given its first item: before that, nobody may be listening.
            if plan and not self._worker:
                self.engine.advance(plan[0].nodeid)
            try:
                return (yield)
            finally:
                self._cases = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> None:
        """Open the item's sitting, and look ahead from here."""
        case = case_of(item)
        if case is None:
            return
        case.item = item
        if case.entry is None or case.profile is None:
            return
        item.stash[SITTING] = Sitting(self._cases[item], case.entry, case, self.profiles[case.profile])
        self.engine.advance(item.nodeid)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Judge the body: green with fewer points becomes partial; a self-test is green if the suite is right."""
        sitting = item.stash.get(SITTING, None)
        if sitting is None:
            return (yield)
        error: BaseException | None = None
        result: object = None
        sitting.in_body = True
        try:
            result = yield
        except (KeyboardInterrupt, SystemExit, pytest.exit.Exception):
            raise
        except BaseException as raised:  # pytest's outcomes are no Exceptions
            error = raised
        finally:
            sitting.in_body = False
        attempt = self._conclude(item, sitting, error)
        if self.settings.selftest:
            objection = selftest.objection(attempt, sitting.entry.question)
            if objection is not None:
                pytest.fail(f"{sitting.entry.header.suite}/{sitting.entry.question.id}: {objection}", pytrace=False)
            return result
        if error is not None:
            raise error
        if attempt.outcome is not Outcome.PASSED:
            pytest.fail(attempt.message, pytrace=False)
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> Generator[None, object, object]:
        """Run a body that lost its sandbox once more.

        An asynchronous grader that nothing runs is a fault of the suite, although pytest calls it a failure.
        """
        sitting = pyfuncitem.stash.get(SITTING, None)
        if sitting is None:
            return (yield)
        try:
            result = yield
        except (Exception, pytest.fail.Exception) as error:
            if not second_try.renewed(pyfuncitem, again=sitting.sandbox_retried):
                if inspect.iscoroutinefunction(pyfuncitem.function) and "not natively supported" in str(error):
                    raise SuiteError(f"{pyfuncitem.name} is async and no plugin runs it: {error}") from None
                raise
        else:
            if not second_try.renewed(pyfuncitem, again=sitting.sandbox_retried):
                return result
        sitting.begin_again(pyfuncitem)
        return pyfuncitem.ihook.pytest_pyfunc_call(pyfuncitem=pyfuncitem)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Put the record on the report that decides the item: the call's, or a set-up's that did not get there."""
        report = yield
        if call.excinfo is not None and isinstance(call.excinfo.value, RecordingError):
            if self._worker:
                end_worker(item.session, str(call.excinfo.value))
            pytest.exit(str(call.excinfo.value))
        sitting = item.stash.get(SITTING, None)
        # In the midst of a body, reports are made of its subtests.
        if sitting is None or sitting.in_body or (call.when == "setup" and report.passed):
            return report
        if call.when == "teardown":
            del item.stash[SITTING]  # the replies of thousands of questions would stay in memory
            return report
        error = call.excinfo.value if call.excinfo else None
        if sitting.attempt is None:
            self._conclude(item, sitting, error, setting_up=call.when == "setup")
        elif report.failed and sitting.attempt.outcome is Outcome.PASSED and not self.settings.selftest:
            self._overrule(item, sitting, str(report.longrepr))
        assert sitting.attempt is not None  # noqa: S101 - set just above
        record = self._line(sitting.attempt)
        try:
            record["extra"] = _extra(item, record)
        except PolecatError as error:
            record = self._line(self._record(item, sitting, broken(str(error))))
            record["extra"] = {}
        report.polecat = record  # type: ignore[attr-defined]
        return report

    def _line(self, attempt: Attempt) -> dict[str, Any]:
        """The attempt as it is written down, without what third parties add."""
        line = attempt.model_dump(mode="json", exclude_defaults=True)
        line |= {"format": attempt.format, "outcome": str(attempt.outcome), "points": attempt.points}
        if self.settings.selftest:
            line["selftest"] = True
        return line

    def _plan(self, items: list[pytest.Item]) -> Generator[Planned]:
        for item in items:
            case = case_of(item)
            if case is None or case.entry is None or case.profile is None:
                continue
            if _ANSWERED.isdisjoint(getattr(item, "fixturenames", ())) or _may_not_run(item):
                continue
            declared = isinstance(item, pytest.Function) and hasattr(item.module, ENTRIES)
            ahead = declared and self.grader.needs_sandbox(case.entry.question)
            yield Planned(item.nodeid, case, self.profiles[case.profile], ahead)

    def activity(self) -> Activity:
        """What goes on in this process."""
        return self.engine.activity if hasattr(self, "engine") else Activity()

    def _grade_ahead(self, config: pytest.Config, case: CaseParam, asked: Asked) -> Grade:
        from pytest_polecat.sandboxing import open_sandbox

        assert case.entry is not None  # noqa: S101 - only questions are planned
        question = case.entry.question
        replies = [answering(reply, question.answer_from) for reply in asked.replies]
        return self.grader.grade(question, replies, partial(open_sandbox, config))

    def _conclude(
        self, item: pytest.Item, sitting: Sitting, error: BaseException | None, *, setting_up: bool = False
    ) -> Attempt:
        asked = sitting.asked
        last = asked.replies[-1] if asked and asked.replies else None
        question = sitting.entry.question
        told = question.told(len(asked.replies)) if asked else ()
        verdict = conclude(error, question.points, sitting.score, sitting.grade, last, told)
        if setting_up and verdict.outcome in (Outcome.MISSED, Outcome.PARTIAL) and not (last and last.error):
            verdict = broken(f"a fixture failed before the answer was graded: {verdict.message}")
        elif error is None and (reason := _judged_nothing(item, sitting)):
            verdict = broken(reason)
        return self._record(item, sitting, verdict)

    def _overrule(self, item: pytest.Item, sitting: Sitting, why: str) -> None:
        """The body passed, yet pytest calls the test failed (a strict xfail, a plugin's soft assertions)."""
        self._record(item, sitting, broken(f"the test failed after its body had passed: {why[:200]}"))

    def _record(self, item: pytest.Item, sitting: Sitting, verdict: Verdict) -> Attempt:
        sitting.attempt = _attempt(sitting, verdict, self._worker)
        attempt = sitting.attempt
        others = [(name, value) for name, value in item.user_properties if not name.startswith("polecat_")]
        item.user_properties[:] = [
            *others,
            _property("polecat_suite", attempt.suite),
            ("polecat_question", attempt.question),
            _property("polecat_outcome", attempt.outcome.value),
            _property("polecat_points", f"{attempt.points:g}"),
            _property("polecat_earned", f"{attempt.earned:g}"),
        ]
        return sitting.attempt


@lru_cache
def _property(name: str, value: str) -> tuple[str, str]:
    """One pair for all that are alike: pytest keeps those of every item to the end."""
    return name, value


def _extra(item: pytest.Item, record: Mapping[str, Any]) -> dict[str, Any]:
    """What third parties add to a record. Raises `PolecatError` if their hook fails, or what they add is no JSON."""
    given = {**record, "extra": {}}
    with blamed("the hook pytest_polecat_record"):
        item.ihook.pytest_polecat_record(record=given, item=item)
        extra = given["extra"]
        if not isinstance(extra, dict):
            raise TypeError(f"record['extra'] is to stay a dict, not {type(extra).__name__}")
        return json.loads(json_line(extra)) if extra else {}


def _judged_nothing(item: pytest.Item, sitting: Sitting) -> str:
    fixtures = getattr(item, "fixturenames", ())
    if sitting.asked is None and "model" not in fixtures:
        return "it passed without looking at any reply; let the test take `reply`"
    if sitting.grade is None and "grade" in fixtures:
        return "it takes `grade` and never calls it; grade(reply) is what applies the checks"
    return ""


def _may_not_run(item: pytest.Item) -> bool:
    if any(item.iter_markers("skip")) or any(item.iter_markers("skipif")):
        return True
    return any(mark.kwargs.get("run") is False for mark in item.iter_markers("xfail"))


def _attempt(sitting: Sitting, verdict: Verdict, worker: str) -> Attempt:
    asked = sitting.asked or Asked(())
    replies = asked.replies
    timings = [reply.timings for reply in replies if reply.timings is not None]
    flags = [*sitting.flags, *sitting.of_sandbox, *(sitting.grade.flags if sitting.grade else ())]
    if verdict.outcome is Outcome.PASSED and any(reply.truncated for reply in replies):
        flags.append("truncated")
    if sitting.sandbox_retried:
        flags.append("sandbox_retried")
    if sitting.entry.question.constrained and any(_looks_unconstrained(reply.content) for reply in replies):
        flags.append("not_constrained")
    return Attempt(
        **sitting.about.__dict__,
        outcome=verdict.outcome,
        earned=verdict.earned,
        mode=verdict.mode,
        message=verdict.message,
        findings=sitting.grade.findings if sitting.grade else _awards(sitting.score),
        flags=tuple(dict.fromkeys(flags)),
        replies=asked.keys,
        prompt_tokens=_total(reply.usage.prompt_tokens for reply in replies),
        completion_tokens=_total(reply.usage.completion_tokens for reply in replies),
        generation_ms=sum(timing.wall_ms for timing in timings) if timings else None,
        finished=datetime.now(tz=UTC).isoformat(timespec="milliseconds"),
        worker=worker,
    )


def _awards(score: Score) -> tuple[Any, ...]:
    from pytest_polecat.records.attempt import Finding

    return tuple(
        Finding(check="award", ok=True, message=note or "Awarded.", points=points, earned=points)
        for points, note in score.notes
    )


def _total(counts: Any) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _looks_unconstrained(content: str) -> bool:
    return bool(content.strip()) and content.lstrip()[:1] not in '{["-0123456789tfn'
