"""pytest-polecat: evaluate the language models you run yourself, as pytest tests, with scores you can trust."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_polecat.errors import Missed as Missed
    from pytest_polecat.grading.checks import Check as Check
    from pytest_polecat.grading.checks import CheckResult as CheckResult
    from pytest_polecat.grading.readable import ReadableReply as Reply  # noqa: F401
    from pytest_polecat.grading.score import Score as Score
    from pytest_polecat.questions.decorators import question as question
    from pytest_polecat.questions.decorators import suite as suite
    from pytest_polecat.records.profile import Profile as Profile
    from pytest_polecat.records.question import Question as Question
    from pytest_polecat.records.question import SuiteHeader as SuiteHeader
    from pytest_polecat.sandbox.errors import CandidateError as CandidateError
    from pytest_polecat.sandbox.sandbox import Sandbox as Sandbox

__version__ = "0.1.0"

_HOMES = {
    "CandidateError": "sandbox.errors",
    "Check": "grading.checks",
    "CheckResult": "grading.checks",
    "Missed": "errors",
    "Profile": "records.profile",
    "Question": "records.question",
    "Reply": "grading.readable:ReadableReply",
    "Sandbox": "sandbox.sandbox",
    "Score": "grading.score",
    "SuiteHeader": "records.question",
    "question": "questions.decorators",
    "suite": "questions.decorators",
}

__all__ = sorted([*_HOMES, "__version__"])  # noqa: PLE0605


def __getattr__(name: str) -> object:
    """Import a public name where it lives, when it is first asked for (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = _HOMES[name].partition(":")
    value = getattr(importlib.import_module(f"{__name__}.{module}"), attribute or name)
    globals()[name] = value
    return value
