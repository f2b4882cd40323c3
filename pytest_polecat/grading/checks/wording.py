"""Checks of which words occur: includes, excludes."""

from typing import ClassVar, Self

from pydantic import Field, model_validator

from pytest_polecat.grading.checks.base import CheckResult
from pytest_polecat.grading.checks.forms import Plain, Texts, formatted, worded
from pytest_polecat.grading.checks.text import WordSearch, quote, unmasked


class Includes(Plain):
    """Words or phrases that must occur: each of `all`, and at least one of `any`."""

    short: ClassVar[str | None] = "all"

    all: Texts = Field(default=(), description="each of these must occur")
    any: Texts = Field(default=(), description="at least one of these must occur")
    case_sensitive: bool = False
    substring: bool = Field(default=False, description="count parts of words too: `sun` in `sunlight`")

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.all and not self.any:
            raise ValueError("give at least one word in `all` or `any`; an empty list would always hold")
        return self


class Excludes(Plain):
    """Words or phrases none of which may occur, nor in letters that only look like theirs."""

    short: ClassVar[str | None] = "words"

    words: Texts = Field(description="none of these may occur")
    case_sensitive: bool = False
    substring: bool = Field(default=False, description="count parts of words too: `sun` in `sunlight`")

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.words:
            raise ValueError("give at least one word; an empty list would always hold")
        return self


def includes(content: str, expected: Includes) -> CheckResult:
    """Look for the words that must occur."""
    search = WordSearch(content, case_sensitive=expected.case_sensitive, substring=expected.substring)
    missing = [word for word in expected.all if not search.has(word)]
    if missing:
        return worded(False, f"Did not find {_listed(missing)}.")
    if expected.any and not any(map(search.has, expected.any)):
        return worded(False, f"Found none of {_listed(expected.any)}.")
    return worded(True, "Found the expected words.")


def excludes(content: str, expected: Excludes) -> CheckResult:
    """Look for the words that must not occur."""
    searches = [
        WordSearch(view, case_sensitive=expected.case_sensitive, substring=expected.substring)
        for view in (content, unmasked(content))
    ]
    found = next((word for word in expected.words if any(search.has(word) for search in searches)), None)
    if found is not None:
        return formatted(False, f"Found the forbidden {'phrase' if ' ' in found else 'word'} {quote(found)}.")
    return formatted(True, "Found none of the forbidden words.")


def _listed(words: list[str] | tuple[str, ...]) -> str:
    shown = ", ".join(map(quote, words[:5]))
    return shown + (f" and {len(words) - 5} more" if len(words) > 5 else "")
