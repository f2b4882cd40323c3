"""What a check is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from pydantic import model_validator

from pytest_polecat.records.base import Record
from pytest_polecat.records.outcome import FailureMode


class Expectation(Record):
    """What a check expects: a closed pydantic model of the long form.

    `short` names the field that the short form fills: `sentences: 2` is `sentences: {count: 2}`. Where the short form
    is itself a mapping, only a mapping whose keys are all fields is taken as the long form.
    """

    short: ClassVar[str | None] = None

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: object) -> object:
        if value is None:
            return {}
        if cls.short is None or (isinstance(value, dict) and set(value) <= set(cls.model_fields)):
            return value
        return {cls.short: value}


@dataclass(frozen=True)
class CheckResult:
    """What a check found: whether it holds, one sentence for the report, and the failure mode if it does not."""

    ok: bool
    message: str
    mode: FailureMode = FailureMode.WRONG_ANSWER


@dataclass(frozen=True)
class Check:
    """A kind of check: the name used in suite files, the model of its expectation, and the pure function.

    The function takes the reply and the validated expectation and never raises for anything that a model wrote: an
    exception from it is a broken suite. With `sandbox` it takes a fresh `Sandbox` too, which is closed after it; a
    `CandidateError` or a failed assertion is a miss then, as in a test body. With `question` it takes the `Question`
    as its third argument.
    """

    name: str
    expectation: type[Expectation]
    verify: Callable[..., CheckResult]
    sandbox: bool = False
    question: bool = False
