"""Checks of the whole content: exact, starts_with, ends_with, regex."""

import re
from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, Field, model_validator

from pytest_polecat.grading.checks.base import CheckResult
from pytest_polecat.grading.checks.forms import Counts, Plain, Text, Texts, formatted, worded
from pytest_polecat.grading.checks.patterns import Pattern, bounded, compiled
from pytest_polecat.grading.checks.text import quote

Trimmed = Annotated[Text, AfterValidator(str.strip)]


class _OneOf(Plain):
    """A text, or any of several."""

    short: ClassVar[str | None] = "text"

    text: Trimmed | None = Field(default=None, description="the expected text; white space around it is left out")
    any: Texts = Field(default=(), description="several texts, any of which will do")
    case_sensitive: bool = True

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.text is None) == (not self.any):
            raise ValueError("give either `text` or `any`, with something in it")
        return self

    @property
    def texts(self) -> tuple[str, ...]:
        """All the texts that will do."""
        return tuple(each.strip() for each in self.any) if self.text is None else (self.text,)

    def folded(self, value: str) -> str:
        """The value as it is compared."""
        return value if self.case_sensitive else value.casefold()

    @property
    def shown(self) -> str:
        """The texts for a message."""
        return " or ".join(map(quote, self.texts[:5])) + (" or others" if len(self.texts) > 5 else "")


class Exact(_OneOf):
    """The whole reply, white space around it left out and nothing else normalised."""


class StartsWith(_OneOf):
    """The text that the reply starts with, literally: `Yes` is also the start of `Yesterday`."""


class EndsWith(_OneOf):
    """The text that the reply ends with, literally, punctuation included."""


class Regex(Counts):
    """A regular expression (Python's syntax) that must be found; or how often it must be found."""

    short: ClassVar[str | None] = "pattern"
    optional: ClassVar[bool] = True

    pattern: Pattern = Field(description="a regular expression in Python's syntax")
    full: bool = Field(default=False, description="it must match the whole reply, white space around it left out")
    ignore_case: bool = False
    multiline: bool = Field(default=False, description="^ and $ match at each line")

    @model_validator(mode="after")
    def _searches(self) -> Self:
        if self.full and self.counted:
            raise ValueError("`full` matches once or not at all; drop it or the counts")
        return self

    @property
    def expression(self) -> re.Pattern[str]:
        """The pattern with its flags."""
        flags = (re.IGNORECASE if self.ignore_case else 0) | (re.MULTILINE if self.multiline else 0)
        return compiled(self.pattern, flags)


def exact(content: str, expected: Exact) -> CheckResult:
    """Compare the whole content."""
    found = expected.folded(content.strip())
    ok = any(found == expected.folded(each) for each in expected.texts)
    return worded(ok, f"Expected exactly {expected.shown}, found {quote(content.strip())}.")


def starts_with(content: str, expected: StartsWith) -> CheckResult:
    """Compare the start of the content."""
    content = content.strip()
    ok = any(expected.folded(content).startswith(expected.folded(each)) for each in expected.texts)
    return formatted(ok, f"Expected the reply to start with {expected.shown}, found {quote(content)}.")


def ends_with(content: str, expected: EndsWith) -> CheckResult:
    """Compare the end of the content."""
    content = content.strip()
    ok = any(expected.folded(content).endswith(expected.folded(each)) for each in expected.texts)
    return formatted(ok, f"Expected the reply to end with {expected.shown}, found {quote(content[-60:])}.")


def regex(content: str, expected: Regex) -> CheckResult:
    """Search or match the content. An author's pattern that takes for ever is a `SuiteError`."""
    pattern, shown = expected.expression, quote(expected.pattern)
    with bounded(f"the pattern {shown}"):
        if expected.counted:
            found = sum(1 for _ in pattern.finditer(content))
            result = expected.result(found, f"match of {shown}", f"matches of {shown}")
            return worded(result.ok, result.message)
        match = pattern.fullmatch(content.strip()) if expected.full else pattern.search(content)
    if match is not None:
        return worded(True, f"Found {quote(match[0])} by the pattern {shown}.")
    where = "the whole reply to match" if expected.full else "a match of"
    return worded(False, f"Expected {where} {shown}, found {'none' if not expected.full else quote(content)}.")
