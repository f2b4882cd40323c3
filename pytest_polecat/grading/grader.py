"""Grading a declarative question: its checks over the replies, and the points they share."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_polecat.errors import SuiteError
from pytest_polecat.grading.checks import Check, CheckResult, Expectation
from pytest_polecat.grading.failure_modes import degeneration, no_answer
from pytest_polecat.grading.readable import answering
from pytest_polecat.records.attempt import Finding
from pytest_polecat.records.outcome import FailureMode
from pytest_polecat.records.question import CheckSpec, Question
from pytest_polecat.records.reply import Reply
from pytest_polecat.sandbox.errors import CandidateError, LostError, SandboxError

if TYPE_CHECKING:
    from pytest_polecat.sandbox.sandbox import Sandbox

MESSAGE_LIMIT = 400
"""Characters of a finding's sentence that are kept."""


@dataclass(frozen=True)
class Grade:
    """What grading a question came to: the points earned, and a finding for each check in order.

    `flags` are remarks on the sandboxes that it took. `degenerate` says what `degeneration` found in the first reply
    that a check did not hold for.
    """

    earned: float
    findings: tuple[Finding, ...]
    flags: tuple[str, ...] = ()
    degenerate: tuple[FailureMode, str] | None = None

    @property
    def missed(self) -> tuple[Finding, ...]:
        """The findings of checks that do not hold."""
        return tuple(finding for finding in self.findings if not finding.ok)


class Grader:
    """Applies checks. It knows the checks there are and keeps the expectations it has validated."""

    def __init__(self, checks: Mapping[str, Check]) -> None:
        self.checks = checks
        self._validated: dict[str, Expectation] = {}

    def expectation(self, spec: CheckSpec) -> Expectation:
        """The validated expectation of a check; `SuiteError` for an unknown name, pydantic's error for bad content."""
        check = self.checks.get(spec.name)
        if check is None:
            near = difflib.get_close_matches(spec.name, self.checks, n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"there are: {', '.join(sorted(self.checks))}"
            raise SuiteError(f"there is no check `{spec.name}`; {hint}")
        key = repr((spec.name, spec.expectation))
        if key not in self._validated:
            self._validated[key] = check.expectation.model_validate(spec.expectation)
        return self._validated[key]

    def needs_sandbox(self, question: Question) -> bool:
        """Whether any check of the question runs code."""
        return any(spec.name in self.checks and self.checks[spec.name].sandbox for spec in question.all_checks)

    def grade(
        self, question: Question, replies: Sequence[Reply], sandbox: Callable[[], Sandbox] | None = None
    ) -> Grade:
        """Grade the replies, one for each turn. A turn that was never answered fails all its checks.

        `sandbox` gives each check that runs code a sandbox of its own. Raises `SandboxError` where there is none, or
        it failed: then nothing is known of the reply. May be called from any thread.
        """
        turns = question.conversation
        weights = sum(check.weight for turn in turns for check in turn.checks)
        findings: list[Finding] = []
        flags: list[str] = []
        given = [answering(reply, question.answer_from) for reply in replies]
        for number, turn in enumerate(turns, start=1):
            reply = given[number - 1] if number <= len(given) else None
            nothing = None if reply is None else no_answer(reply, turn.prompt or "")
            for spec in turn.checks:
                points = question.points * spec.weight / weights
                if reply is None:
                    result = CheckResult(ok=False, message="The conversation ended before this turn.")
                elif nothing is not None:
                    result = CheckResult(ok=False, message=nothing[1], mode=nothing[0])
                else:
                    result = self._verified(spec, reply, question, sandbox, flags)
                findings.append(_finding(spec, result, points, number))
        held = all(finding.ok for finding in findings)
        if held:
            earned = question.points
        elif question.all_or_nothing:
            earned = 0.0
            findings = [finding.model_copy(update={"earned": 0.0}) for finding in findings]
        else:
            earned = sum(finding.earned for finding in findings)
        return Grade(earned, tuple(findings), tuple(flags), None if held else _degenerate(question, findings, given))

    def _verified(
        self,
        spec: CheckSpec,
        reply: Reply,
        question: Question,
        sandbox: Callable[[], Sandbox] | None,
        flags: list[str],
    ) -> CheckResult:
        check, expectation = self.checks[spec.name], self.expectation(spec)
        given = (reply, expectation, question) if check.question else (reply, expectation)
        if not check.sandbox:
            return check.verify(*given)
        if sandbox is None:
            raise SandboxError(f"the check `{check.name}` runs code, and grade() was given no sandbox")
        return _in_sandbox(check, given, sandbox, flags)


def _in_sandbox(check: Check, given: Sequence[object], sandbox: Callable[[], Sandbox], flags: list[str]) -> CheckResult:
    """What a check that runs code finds. If the engine loses the sandbox, it is applied once more, in another."""
    for _ in range(2):
        opened = sandbox()
        lost: LostError | None = None
        result = None
        try:
            with closing(opened):
                result = check.verify(*given, opened)
        except LostError as error:
            lost = error
        except CandidateError as error:
            result = CheckResult(ok=False, message=str(error), mode=FailureMode(error.mode))
        except AssertionError as error:
            result = CheckResult(ok=False, message=str(error), mode=FailureMode.TEST_FAILURE)
        flags += opened.flags
        lost = opened.lost or lost
        if result is not None and lost is None:
            return result
        flags.append("sandbox_retried")
    raise LostError(f"{lost}; so was the one of the second try") from lost


def _degenerate(
    question: Question, findings: Sequence[Finding], replies: Sequence[Reply]
) -> tuple[FailureMode, str] | None:
    """What is wrong with the reply that the first missed check looked at, as a whole."""
    turn = next(finding.turn for finding in findings if not finding.ok)
    if turn > len(replies):
        return None
    return degeneration(replies[turn - 1], question.told(turn))


def constraining_schema(question: Question, grader: Grader) -> dict[str, Any]:
    """The JSON Schema to constrain decoding by: that of the question's first `json_schema` check."""
    for spec in question.all_checks:
        if spec.name == "json_schema":
            expectation: Any = grader.expectation(spec)
            schema: dict[str, Any] = dict(expectation.schema_)
            return schema
    raise SuiteError(f"{question.id}: `constrained: true` needs a json_schema check whose schema can be sent")


def _finding(spec: CheckSpec, result: CheckResult, points: float, turn: int) -> Finding:
    message = result.message
    if len(message) > MESSAGE_LIMIT:
        message = message[: MESSAGE_LIMIT - 1] + "…"
    return Finding(
        check=spec.name,
        ok=result.ok,
        message=message,
        points=points,
        earned=points if result.ok else 0.0,
        turn=turn,
        mode=None if result.ok else result.mode,
    )
