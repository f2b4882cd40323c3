"""Forms that expectations share."""

from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Self, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from pytest_polecat.grading.checks import text
from pytest_polecat.grading.checks.base import CheckResult, Expectation
from pytest_polecat.records.outcome import FailureMode
from pytest_polecat.records.reply import Reply

Natural = Annotated[int, Field(strict=True, ge=0)]
"""A whole number; strict, so that YAML's `yes` is not 1."""


def _not_blank(value: str) -> str:
    if text.blank(value):
        raise ValueError("must not be blank")
    return value


Text = Annotated[str, AfterValidator(_not_blank)]
"""A text with something to see in it."""

Texts = Annotated[tuple[Text, ...], BeforeValidator(lambda value: [value] if isinstance(value, str) else value)]
"""Texts; a single one may stand without a list."""

E_ = TypeVar("E_", bound=Expectation)


class Plain(Expectation):
    """An expectation whose short form is never a mapping: a mapping is always the long form, typing errors included."""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: object) -> object:
        if isinstance(value, dict) or cls.short is None:
            return {} if value is None else value
        return {cls.short: value}


class Counts(Plain):
    """How many: exactly `count`, or at least `min` and at most `max`."""

    short: ClassVar[str | None] = "count"
    optional: ClassVar[bool] = False

    count: Natural | None = Field(default=None, description="exactly this many")
    min: Natural | None = Field(default=None, description="at least this many")
    max: Natural | None = Field(default=None, description="at most this many")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.count is not None and (self.min is not None or self.max is not None):
            raise ValueError("give either `count` or `min` and `max`, not both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"`min` ({self.min}) is greater than `max` ({self.max})")
        if not self.counted and not self.optional:
            raise ValueError("give `count`, or `min` and `max` (one of them is enough)")
        if self.min == 0 and self.max is None:
            raise ValueError("`min: 0` alone always holds; raise it, or give `max`")
        return self

    @property
    def counted(self) -> bool:
        """Whether a number is expected at all."""
        return not (self.count is None and self.min is None and self.max is None)

    def holds(self, found: int) -> bool:
        """Whether `found` is as many as expected."""
        if self.count is not None:
            return found == self.count
        return (self.min is None or found >= self.min) and (self.max is None or found <= self.max)

    def result(self, found: int, one: str, many: str | None = None) -> CheckResult:
        """The result of counting: `Expected 2 sentences, found 3.`"""
        many = many or one + "s"
        low, high = (self.count, self.count) if self.count is not None else (self.min, self.max)
        if low == high:
            wanted, last = f"{low}", low
        elif low is not None and high is not None:
            wanted, last = f"{low} to {high}", high
        else:
            wanted, last = (f"at least {low}", low) if low is not None else (f"at most {high}", high)
        message = f"Expected {wanted} {one if last == 1 else many}, found {found}."
        return CheckResult(self.holds(found), message, FailureMode.FORMAT_VIOLATION)


def on_text(verify: Callable[[str, E_], CheckResult]) -> Callable[[Reply, Any], CheckResult]:
    """Turn a function of the reply's content into one of the reply. A reply with nothing to see holds no check."""

    def verify_reply(reply: Reply, expectation: E_) -> CheckResult:
        if text.blank(reply.content):
            return CheckResult(ok=False, message="The reply is empty.", mode=FailureMode.EMPTY)
        return verify(reply.content, expectation)

    verify_reply.__name__ = verify_reply.__qualname__ = verify.__name__
    verify_reply.__doc__ = verify.__doc__
    return verify_reply


def formatted(ok: bool, message: str) -> CheckResult:
    """A result about form: what fails it is a `format_violation`."""
    return CheckResult(ok, message, FailureMode.FORMAT_VIOLATION)


def worded(ok: bool, message: str) -> CheckResult:
    """A result about content: what fails it is a `wrong_answer`."""
    return CheckResult(ok, message, FailureMode.WRONG_ANSWER)
