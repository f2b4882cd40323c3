"""Checks of one extracted value: choice, number."""

import math
import string
from fractions import Fraction
from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, Field, StrictFloat, StrictInt, model_validator

from pytest_polecat.errors import Missed
from pytest_polecat.grading.checks.base import CheckResult
from pytest_polecat.grading.checks.forms import Plain, Text, worded
from pytest_polecat.grading.choices import choice as read_choice
from pytest_polecat.grading.marks import marked
from pytest_polecat.grading.numbers import exact_number, shown_number
from pytest_polecat.grading.numbers import number as read_number
from pytest_polecat.records.outcome import FailureMode


def _distinct_letters(options: int | str) -> int | str:
    if isinstance(options, int):
        if not 2 <= options <= 26:
            raise ValueError("there are 2 to 26 options")
    elif len(options) < 2 or len(set(options)) < len(options) or not (options.isascii() and options.isalnum()):
        raise ValueError("write how many options there are, or their letters, each once, such as ABCD")
    return options


def _readable(value: float | str) -> float | str:
    if isinstance(value, str):
        exact_number(value)
    elif not math.isfinite(value):
        raise ValueError("must be a finite number")
    return value


class Choice(Plain):
    """The letter of the right option."""

    short: ClassVar[str | None] = "answer"

    answer: str = Field(description="the letter of the right option")
    options: Annotated[StrictInt | str, AfterValidator(_distinct_letters)] = Field(
        default=4, description="how many options there are (4: A to D), or their letters"
    )

    @model_validator(mode="after")
    def _among(self) -> Self:
        if len(self.answer) != 1 or self.answer not in self.letters:
            raise ValueError(
                f"the answer {self.answer!r} is not one of the options {self.letters}; mend it or `options`"
            )
        return self

    @property
    def letters(self) -> str:
        """The letters of all options."""
        return string.ascii_uppercase[: self.options] if isinstance(self.options, int) else self.options


class Number(Plain):
    """A number, compared exactly unless a tolerance is given: it may differ by `abs`, or by `rel` times the value."""

    short: ClassVar[str | None] = "value"

    value: Annotated[StrictInt | StrictFloat | str, AfterValidator(_readable)] = Field(
        description="the number as it is written: 42, 0.1, or in quotes '3/4'"
    )
    abs: float = Field(default=0, ge=0, allow_inf_nan=False, description="the greatest difference")
    rel: float = Field(
        default=0, ge=0, lt=1, allow_inf_nan=False, description="the greatest difference as a part of the value"
    )
    label: Text | None = Field(default=None, description="the number behind this label on a line: `Step 2: 36`")

    @property
    def exact(self) -> Fraction:
        """The value exactly as it was written in decimals."""
        return exact_number(str(self.value))

    @property
    def tolerance(self) -> Fraction:
        """The greatest difference."""
        value = self.exact
        return max(exact_number(str(self.abs)), exact_number(str(self.rel)) * (value if value >= 0 else -value))


def choice(content: str, expected: Choice) -> CheckResult:
    """Read the chosen letter."""
    try:
        found = read_choice(content, expected.letters)
    except Missed as missed:
        return missed_result(missed)
    return worded(found == expected.answer, f"Expected {expected.answer}, found {found}.")


def number(content: str, expected: Number) -> CheckResult:
    """Read the number."""
    try:
        found = read_number(content if expected.label is None else "Answer: " + marked(content, expected.label))
    except Missed as missed:
        return missed_result(missed)
    difference = found - expected.exact
    ok = max(difference, -difference) <= expected.tolerance
    within = f" (within {shown_number(expected.tolerance)})" if expected.tolerance else ""
    return worded(ok, f"Expected {expected.value}{within}, found {shown_number(found)}.")


def missed_result(missed: Missed) -> CheckResult:
    """The result of a value that could not be read."""
    return CheckResult(ok=False, message=str(missed), mode=FailureMode(missed.mode))
