"""Checks that count: words, sentences, lines, paragraphs, items, placeholders, keyword_count."""

import re
from collections.abc import Sequence
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from pytest_polecat.grading.checks import text
from pytest_polecat.grading.checks.base import CheckResult
from pytest_polecat.grading.checks.forms import Counts, Text, formatted
from pytest_polecat.grading.checks.patterns import Pattern, bounded, compiled
from pytest_polecat.grading.checks.sentences import sentences

_PLACEHOLDER = re.compile(
    r"(?<![\w\]\)\[\\!])\[([^\[\]\n]{1,200})\](?![\[(\]])(?!:[ \t]*+(?:<|[a-z]+://|#))", re.IGNORECASE
)
_CHECKBOX = re.compile(r"^[ \t]*+(?:[-*+•]|\d{1,9}[.)])[ \t]++\[[ xX]\]", re.MULTILINE)


class _CountsText(Counts):
    """Counts of something that every text has: none of it is never what is wanted."""

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.count == 0 or self.max == 0:
            raise ValueError("a reply without any is empty, and an empty reply never passes; expect at least 1")
        return self


class Words(_CountsText):
    """How many words. A word is a run of letters and digits; `don't`, `well-known`, `3.14`, `1,000` and `U.S.` are one
    word each; bullets, dashes and list numbers are none. Each ideograph or kana counts as a word.
    """


class Sentences(_CountsText):
    """How many sentences. Abbreviations, initials, decimals and addresses end none; list items, headings and blank
    lines end one, and a last piece without an end mark counts. A line that ends in a comma, such as a salutation, goes
    on after the blank line.
    """


class Paragraphs(_CountsText):
    """How many paragraphs: pieces between blank lines that hold a letter or digit."""


class Lines(_CountsText):
    """How many lines that are not blank, and a pattern that each must match."""

    optional: ClassVar[bool] = True

    each: Pattern | None = Field(default=None, description="a regular expression that must match every line in full")
    blank: Literal["ignore", "forbid"] = Field(default="ignore", description="whether blank lines may stand in between")

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.counted and self.each is None and self.blank == "ignore":
            raise ValueError("give `count`, `min`, `max`, `each` or `blank: forbid`")
        return self


class Items(Counts):
    """How many top-level items of Markdown lists, bulleted (`-`, `*`, `+`, `•`) or numbered (`1.`, `1)`)."""

    optional: ClassVar[bool] = True

    style: Literal["any", "bullet", "numbered"] = Field(
        default="any", description="which items count; numbered ones must then run 1, 2, 3 …"
    )
    marker: Literal["-", "*", "+", "•", "1.", "1)"] | None = Field(
        default=None, description="only items with this marker count; `1.` and `1)` stand for all numbers"
    )
    each: Pattern | None = Field(default=None, description="a regular expression that must match every item in full")
    only: bool = Field(default=False, description="nothing but the list may stand in the reply")

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.counted and self.each is None and not self.only:
            raise ValueError("give `count`, `min`, `max`, `each` or `only: true`")
        if self.marker is not None and self.style not in ("any", "numbered" if self.marker[0] == "1" else "bullet"):
            raise ValueError(f"the marker {self.marker!r} is none of the style {self.style}")
        return self

    @property
    def numbered(self) -> bool:
        """Whether only numbered items count."""
        return self.style == "numbered" or (self.marker or "").startswith("1")

    def wants(self, item: text.Item) -> bool:
        """Whether the item counts."""
        styled = self.style == "any" or (item.number is not None) is (self.style == "numbered")
        return styled and self.marker in (None, item.marker)


class Placeholders(Counts):
    """How many placeholders in square brackets, `[like this]`; links, checkboxes and footnotes are none."""


class KeywordCount(Counts):
    """How often a word or phrase occurs, as whole words."""

    short: ClassVar[str | None] = None

    keyword: Text = Field(description="the word or phrase to count")
    case_sensitive: bool = False


def words(content: str, expected: Words) -> CheckResult:
    """Count the words."""
    return expected.result(len(text.words(content)), "word")


def count_sentences(content: str, expected: Sentences) -> CheckResult:
    """Count the sentences."""
    return expected.result(len(sentences(content)), "sentence")


def paragraphs(content: str, expected: Paragraphs) -> CheckResult:
    """Count the paragraphs."""
    return expected.result(len(text.paragraphs(content)), "paragraph")


def lines(content: str, expected: Lines) -> CheckResult:
    """Count the lines and match each."""
    found = text.lines(content)
    if expected.blank == "forbid" and text.has_blank_line(content):
        return formatted(False, "Expected no blank lines, found some.")
    if not expected.holds(len(found)):
        return expected.result(len(found), "line")
    return _each(found, expected.each, "line") or _as_expected(expected, len(found), "line")


def items(content: str, expected: Items) -> CheckResult:
    """Count the list items and match each."""
    listed = text.items(content)
    found = [item for item in listed.items if expected.wants(item)]
    one = {"any": "item", "bullet": "bulleted item", "numbered": "numbered item"}[expected.style]
    if expected.marker is not None:
        one = f"`{expected.marker}` item"
    if not expected.holds(len(found)) or (not found and not expected.counted):
        return (
            expected.result(len(found), one)
            if expected.counted
            else formatted(False, f"Expected a list, found no {one}.")
        )
    numbers = [item.number for item in found]
    if expected.numbered and numbers != list(range(1, len(numbers) + 1)):
        shown = ", ".join(map(str, numbers[:12]))
        return formatted(False, f"Expected items numbered 1, 2, 3 …, found {shown}.")
    stray = listed.stray if len(found) == len(listed.items) else "another kind of list"
    if expected.only and stray is not None:
        return formatted(False, f"Expected nothing but the list, found {text.quote(stray)}.")
    return _each([item.text for item in found], expected.each, one) or _as_expected(expected, len(found), one)


def placeholders(content: str, expected: Placeholders) -> CheckResult:
    """Count the placeholders."""
    content = _CHECKBOX.sub("", text.plain(content))
    found = [inner for inner in _PLACEHOLDER.findall(content) if _is_placeholder(inner)]
    return expected.result(len(found), "placeholder")


def keyword_count(content: str, expected: KeywordCount) -> CheckResult:
    """Count a keyword."""
    found = text.WordSearch(content, case_sensitive=expected.case_sensitive).count(expected.keyword)
    return expected.result(
        found, f"occurrence of {text.quote(expected.keyword)}", f"occurrences of {text.quote(expected.keyword)}"
    )


def _is_placeholder(inner: str) -> bool:
    return any(map(str.isalpha, inner)) and not inner.startswith(("^", '"', "'"))


def _each(found: Sequence[str], pattern: str | None, one: str) -> CheckResult | None:
    """The failure of the first piece that the pattern does not match in full."""
    if pattern is None:
        return None
    with bounded(f"the pattern {text.quote(pattern)}"):
        wrong = next((piece for piece in found if not compiled(pattern).fullmatch(piece)), None)
    if wrong is None:
        return None
    return formatted(False, f"Expected each {one} to match {text.quote(pattern)}, found {text.quote(wrong)}.")


def _as_expected(expected: Counts, found: int, one: str) -> CheckResult:
    if expected.counted:
        return expected.result(found, one)
    return formatted(True, f"Found {found} {one}{'' if found == 1 else 's'}, each as expected.")
