"""A question in its place: which suite it belongs to, and which attempts at it were asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from pytest_polecat.records.question import Question, SuiteHeader, content_hash
from pytest_polecat.records.request import NOTHING

if TYPE_CHECKING:
    import pytest


@dataclass(frozen=True)
class Entry:
    """A question with the header of its suite, the file it stands in, and its content hash.

    The hash covers all that can change what is asked or how it is graded: the question, the suite's defaults and, for
    a Python suite, the source of the test function (`grader`). Results of different hashes are never mixed.
    """

    question: Question
    header: SuiteHeader
    file: str
    grader: str = ""

    @cached_property
    def hash(self) -> str:
        """The content hash, 16 hex digits."""
        defaults = self.header.sampling if self.header.sampling != NOTHING else None
        return content_hash(self.header.suite, defaults, self.header.system, self.question, self.grader)


@dataclass(eq=False, slots=True)
class CaseParam:
    """What one test item stands for: a question (None for a free test), asked of a profile, for the nth time.

    `profile` is None when the user named no model; `variant` numbers the wrong answers of `@wrong` from 1. `item` is
    the item that runs it at present, for the fixtures: by `request` they would learn it at the price of two fixtures.
    """

    entry: Entry | None
    profile: str | None
    epoch: int = 1
    variant: int = 0
    item: pytest.Item | None = None
