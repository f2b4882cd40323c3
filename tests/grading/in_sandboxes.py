"""Grading one reply by one check that runs code, in real containers."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from pytest_polecat.grading.checks import BUILTIN
from pytest_polecat.grading.grader import Grader
from pytest_polecat.records.attempt import Finding
from pytest_polecat.records.question import Question
from pytest_polecat.records.reply import Reply
from pytest_polecat.sandboxing import open_sandbox

GRADER = Grader(BUILTIN)

Verify = Callable[[str, dict[str, Any]], Finding]


def verifier(name: str, config: pytest.Config) -> Verify:
    """What the check `name` finds in a reply."""

    def verify(content: str, expectation: dict[str, Any]) -> Finding:
        question = Question.model_validate({"id": "q", "prompt": "Write it.", "checks": [{name: expectation}]})
        assert GRADER.needs_sandbox(question)
        grade = GRADER.grade(question, [Reply(content=content)], partial(open_sandbox, config))
        assert grade.earned == (1 if grade.findings[0].ok else 0)
        return grade.findings[0]

    return verify
