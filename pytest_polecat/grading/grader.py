"""Grading a declarative question: its checks over the replies, and the points they share."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_polecat.errors import SuiteError
from pytest_polecat.grading.checks import Check, CheckResult, Expectation
from pytest_polecat.grading.failure_modes import no_answer
from pytest_polecat.records.attempt import Finding
from pytest_polecat.records.question import CheckSpec, Question
from pytest_polecat.records.reply import Reply

MESSAGE_LIMIT = 400
"""Characters of a finding's sentence that are kept."""


@dataclass(frozen=True)
class Grade:
    """What grading a question came to: the points earned, and a finding for each check in order."""

    earned: float
    findings: tuple[Finding, ...]

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

    def grade(self, question: Question, replies: Sequence[Reply]) -> Grade:
        """Grade the replies, one for each turn. A turn that was never answered fails all its checks."""
        weights = sum(check.weight for check in question.all_checks)
        findings = []
        for number, turn in enumerate(question.conversation, start=1):
            reply = replies[number - 1] if number <= len(replies) else None
            nothing = None if reply is None else no_answer(reply, turn.prompt)
            for spec in turn.checks:
                points = question.points * spec.weight / weights
                if reply is None:
                    result = CheckResult(ok=False, message="The conversation ended before this turn.")
                elif nothing is not None:
                    result = CheckResult(ok=False, message=nothing[1], mode=nothing[0])
                else:
                    result = self.checks[spec.name].verify(reply, self.expectation(spec))
                findings.append(_finding(spec, result, points, number))
        held = all(finding.ok for finding in findings)
        if held:
            earned = question.points
        elif question.all_or_nothing:
            earned = 0.0
            findings = [finding.model_copy(update={"earned": 0.0}) for finding in findings]
        else:
            earned = sum(finding.earned for finding in findings)
        return Grade(earned, tuple(findings))


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
