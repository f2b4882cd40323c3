"""From how a test body ended to an outcome: the one place where the model's fault and ours are told apart."""

from __future__ import annotations

import unittest
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from pytest_polecat.errors import Missed, ServerError
from pytest_polecat.grading.failure_modes import degeneration, missed_mode, no_answer
from pytest_polecat.grading.grader import MESSAGE_LIMIT, Grade
from pytest_polecat.grading.score import Score
from pytest_polecat.records.outcome import FailureMode, Outcome
from pytest_polecat.records.reply import Reply
from pytest_polecat.sandbox.errors import CandidateError, SandboxError

HELPERS = (
    "use assert, pytest.fail or polecat.Missed for what the model did wrong, and reply.code(), .files(), .json(), "
    ".number(), .choice() to read its answer"
)


@dataclass(frozen=True)
class Verdict:
    """The outcome of an attempt, the points earned, and why it was not passed."""

    outcome: Outcome
    earned: float
    mode: FailureMode | None = None
    message: str = ""


def conclude(
    error: BaseException | None,
    points: float,
    score: Score,
    grade: Grade | None,
    last: Reply | None,
    told: Sequence[str] = (),
) -> Verdict:
    """The verdict on a test body that ended with `error` (None: it passed).

    `grade` is what the declared checks came to, if any were used; `last` the last reply, `told` what the model had been
    told (empty: unknown), which says why an answer was missed, never that it was. A body that passes earns all
    points unless it awarded fewer; a failing one keeps what it was awarded. Where the request itself failed there was
    nothing to grade: a body which passes earns nothing, and one that stumbles over the empty reply is not broken.
    """
    if isinstance(error, pytest.skip.Exception | pytest.xfail.Exception):
        return Verdict(Outcome.SKIPPED, 0, message=_sentence(error))
    if isinstance(error, ServerError | SandboxError):
        return Verdict(Outcome.BROKEN, 0, FailureMode(error.mode), _sentence(error))
    if last is not None and last.error is not None and grade is None:
        outcome = Outcome.BROKEN if last.error.mode.infrastructure else Outcome.MISSED
        return Verdict(outcome, 0, last.error.mode, last.error.message)
    if score.overdrawn:
        return broken(score.overdrawn)
    if grade is not None and score.used:
        return broken("it uses `grade` and `score` at once; points come from one of them")
    if error is None:
        earned = _earned(points, score, grade, passed=True)
        if earned >= points - 1e-9:
            return Verdict(Outcome.PASSED, points)
        return _missed(FailureMode.WRONG_ANSWER, f"{earned:g} of {points:g} points", earned, _found(grade, last, told))
    if not _models_doing(error):
        return broken(f"{type(error).__name__}: {_sentence(error)} (an unexpected exception; {HELPERS})")
    earned = _earned(points, score, grade, passed=False)
    if earned >= points - 1e-9:
        return broken(f"it awarded every point and then failed: {_sentence(error)}")
    nothing = no_answer(last, "") if last is not None else None
    return _missed(_mode(error, grade), _sentence(error), earned, nothing or _found(grade, last, told))


def broken(message: str) -> Verdict:
    """The verdict on a suite that can't be trusted with this question."""
    return Verdict(Outcome.BROKEN, 0, FailureMode.SUITE_ERROR, f"the suite is broken: {message}")


def _models_doing(error: BaseException) -> bool:
    known = AssertionError | pytest.fail.Exception | unittest.TestCase.failureException | CandidateError
    return isinstance(error, known)


def _earned(points: float, score: Score, grade: Grade | None, *, passed: bool) -> float:
    if grade is not None:
        return grade.earned
    if score.used:
        return score.earned
    return points if passed else 0.0


def _missed(mode: FailureMode, message: str, earned: float, found: tuple[FailureMode, str] | None) -> Verdict:
    booked, why = missed_mode(mode, found)
    said = f"{why} {message}" if why and why not in message else message
    return Verdict(Outcome.PARTIAL if earned > 0 else Outcome.MISSED, earned, booked, _cut(said))


def _found(grade: Grade | None, last: Reply | None, told: Sequence[str]) -> tuple[FailureMode, str] | None:
    if grade is not None and grade.missed:
        return grade.degenerate
    return degeneration(last, told) if last is not None else None


def _mode(error: BaseException, grade: Grade | None) -> FailureMode:
    if grade is not None and grade.missed:
        return grade.missed[0].mode or FailureMode.WRONG_ANSWER
    if isinstance(error, Missed | CandidateError):
        return _known_mode(error.mode)
    return FailureMode.TEST_FAILURE


def _known_mode(name: str) -> FailureMode:
    try:
        mode = FailureMode(name)
    except ValueError:
        return FailureMode.WRONG_ANSWER
    return FailureMode.WRONG_ANSWER if mode.infrastructure else mode


def _sentence(error: BaseException) -> str:
    return _cut(str(error).strip() or type(error).__name__)


def _cut(text: str) -> str:
    return text if len(text) <= MESSAGE_LIMIT else text[: MESSAGE_LIMIT - 1] + "…"
