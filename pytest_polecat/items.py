"""Around each item: asking ahead, judging what the body did, and putting the record on the report.

`ItemHooks` is registered in the process that runs items (pytest itself, or an xdist worker), once it is known that
there are questions to ask.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from pytest_polecat.asking.asker import Asked, Asker
from pytest_polecat.asking.engine import Engine, Planned
from pytest_polecat.errors import SuiteError
from pytest_polecat.grading.grader import Grade, Grader
from pytest_polecat.grading.score import Score
from pytest_polecat.grading.verdict import Verdict, broken, conclude
from pytest_polecat.questions import selftest
from pytest_polecat.questions.cases import CaseParam, Entry
from pytest_polecat.questions.collecting import case_of
from pytest_polecat.records.attempt import Attempt, Case
from pytest_polecat.records.outcome import Outcome
from pytest_polecat.records.profile import Profile
from pytest_polecat.settings import Settings

SITTING = pytest.StashKey["Sitting"]()
ASKING = pytest.StashKey["ItemHooks"]()


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

    entry: Entry
    case: CaseParam
    profile: Profile
    asked: Asked | None = None
    grade: Grade | None = None
    score: Score = field(init=False)
    attempt: Attempt | None = None
    in_body: bool = False

    def __post_init__(self) -> None:
        self.score = Score(self.entry.question.points)


class ItemHooks:
    """The hooks around items, and what the fixtures need: the engine, the profiles, the grader."""

    def __init__(
        self,
        settings: Settings,
        profiles: Mapping[str, Profile],
        grader: Grader,
        make_asker: Callable[[], Asker],
        share: Share,
        worker: str,
    ) -> None:
        self.settings = settings
        self.profiles = profiles
        self.grader = grader
        self.engine: Engine
        self._make_asker = make_asker
        self._share = share
        self._worker = worker

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Look ahead for as long as items run."""
        share = self._share
        items = session.items[share.number :: share.of] if share.strided else session.items
        ahead: int | None = _AHEAD if share.strided else 0
        if share.strided and session.config.getoption("maxfail", 0):
            ahead = None
        plan = list(_plan(items, self.profiles))
        with Engine(plan, self._make_asker, workers=share.of, ahead=ahead) as self.engine:
            session.config.stash[ASKING] = self
            return (yield)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> None:
        """Open the item's sitting, and look ahead from here."""
        case = case_of(item)
        if case is None or case.entry is None or case.profile is None:
            return
        item.stash[SITTING] = Sitting(case.entry, case, self.profiles[case.profile])
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
        """An asynchronous grader that nothing runs is a fault of the suite, although pytest calls it a failure."""
        try:
            return (yield)
        except pytest.fail.Exception as error:
            unrun = inspect.iscoroutinefunction(pyfuncitem.function) and "not natively supported" in str(error)
            if SITTING in pyfuncitem.stash and unrun:
                raise SuiteError(f"{pyfuncitem.name} is async and no plugin runs it: {error}") from None
            raise

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Put the record on the report that decides the item: the call's, or a set-up's that did not get there."""
        report = yield
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
        record = sitting.attempt.model_dump(mode="json", exclude_defaults=True)
        record |= {
            "format": sitting.attempt.format,
            "outcome": str(sitting.attempt.outcome),
            "points": sitting.attempt.points,
            "extra": {},
        }
        if self.settings.selftest:
            record["selftest"] = True
        item.ihook.pytest_polecat_record(record=record, item=item)
        report.polecat = record  # type: ignore[attr-defined]
        return report

    def _conclude(
        self, item: pytest.Item, sitting: Sitting, error: BaseException | None, *, setting_up: bool = False
    ) -> Attempt:
        asked = sitting.asked
        last = asked.replies[-1] if asked and asked.replies else None
        verdict = conclude(error, sitting.entry.question.points, sitting.score, sitting.grade, last)
        if setting_up and verdict.outcome in (Outcome.MISSED, Outcome.PARTIAL) and not (last and last.error):
            verdict = broken(f"a fixture failed before the answer was graded: {verdict.message}")
        elif error is None and (reason := _judged_nothing(item, sitting)):
            verdict = broken(reason)
        return self._record(item, sitting, verdict)

    def _overrule(self, item: pytest.Item, sitting: Sitting, why: str) -> None:
        """The body passed, yet pytest calls the test failed (a strict xfail, a plugin's soft assertions)."""
        self._record(item, sitting, broken(f"the test failed after its body had passed: {why[:200]}"))

    def _record(self, item: pytest.Item, sitting: Sitting, verdict: Verdict) -> Attempt:
        sitting.attempt = _attempt(item.nodeid, sitting, verdict, self._worker)
        told: dict[str, object] = {
            "suite": sitting.attempt.suite,
            "question": sitting.attempt.question,
            "outcome": verdict.outcome,
            "points": f"{sitting.attempt.points:g}",
            "earned": f"{verdict.earned:g}",
        }
        others = [(name, value) for name, value in item.user_properties if not name.startswith("polecat_")]
        item.user_properties[:] = [*others, *((f"polecat_{name}", str(value)) for name, value in told.items())]
        return sitting.attempt


def _judged_nothing(item: pytest.Item, sitting: Sitting) -> str:
    fixtures = getattr(item, "fixturenames", ())
    if sitting.asked is None and "model" not in fixtures:
        return "it passed without looking at any reply; let the test take `reply`"
    if sitting.grade is None and "grade" in fixtures:
        return "it takes `grade` and never calls it; grade(reply) is what applies the checks"
    return ""


def selected_case(item: pytest.Item) -> Case | None:
    """The `Case` of an item that asks a question of a model; None for other items."""
    param = case_of(item)
    if param is None or param.entry is None or param.profile is None:
        return None
    return _case(item.nodeid, param, param.entry)


def _plan(items: list[pytest.Item], profiles: Mapping[str, Profile]) -> Generator[Planned]:
    for item in items:
        case = case_of(item)
        if case is None or case.entry is None or case.profile is None:
            continue
        if "polecat_replies" not in getattr(item, "fixturenames", ()) or _may_not_run(item):
            continue
        yield Planned(item.nodeid, case, profiles[case.profile])


def _may_not_run(item: pytest.Item) -> bool:
    if any(item.iter_markers("skip")) or any(item.iter_markers("skipif")):
        return True
    return any(mark.kwargs.get("run") is False for mark in item.iter_markers("xfail"))


def _case(nodeid: str, param: CaseParam, entry: Entry) -> Case:
    return Case(
        nodeid=nodeid,
        suite=entry.header.suite,
        question=entry.question.id,
        hash=entry.hash,
        profile=param.profile or "",
        epoch=param.epoch,
        variant=param.variant,
        tier=entry.question.tier,
        points=entry.question.points,
    )


def _attempt(nodeid: str, sitting: Sitting, verdict: Verdict, worker: str) -> Attempt:
    asked = sitting.asked or Asked(())
    replies = asked.replies
    timings = [reply.timings for reply in replies if reply.timings is not None]
    flags = []
    if verdict.outcome is Outcome.PASSED and any(reply.truncated for reply in replies):
        flags.append("truncated")
    if sitting.entry.question.constrained and any(_looks_unconstrained(reply.content) for reply in replies):
        flags.append("not_constrained")
    return Attempt(
        **_case(nodeid, sitting.case, sitting.entry).model_dump(),
        outcome=verdict.outcome,
        earned=verdict.earned,
        mode=verdict.mode,
        message=verdict.message,
        findings=sitting.grade.findings if sitting.grade else _awards(sitting.score),
        flags=tuple(flags),
        replies=asked.keys,
        seed=asked.seed,
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
