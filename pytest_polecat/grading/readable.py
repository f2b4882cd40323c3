"""The reply that a test reads: its answer as text, code, files, JSON, a number or a choice."""

from fractions import Fraction
from typing import Any, Self

from pytest_polecat.grading import extract
from pytest_polecat.grading.strict_json import Around
from pytest_polecat.records.reply import Reply


class ReadableReply(Reply):
    """A reply with readers for its content; the reasoning is never read.

    What a reader can't find is the model's miss: it raises `Missed` with the mode `extraction_failed`.
    """

    @classmethod
    def of(cls, reply: Reply) -> Self:
        """The same reply with readers."""
        return cls.model_construct(**{name: getattr(reply, name) for name in Reply.model_fields})

    @property
    def text(self) -> str:
        """The content without white space around it."""
        return self.content.strip()

    def code(self, language: str | None = None) -> str:
        """The code: see `extract.code`."""
        return extract.code(self.content, language)

    def files(self) -> dict[str, str]:
        """The files by their paths: see `extract.files`."""
        return extract.files(self.content)

    def json(self, around: Around = "none") -> Any:  # type: ignore[override]
        """The one JSON value, strictly read: see `strict_json.json_value`."""
        return extract.json_value(self.content, around)

    def number(self) -> Fraction:
        """The number given as the answer, exactly: see `numbers.number`."""
        return extract.number(self.content)

    def choice(self, options: str = "ABCD") -> str:
        """The letter of the chosen option: see `choices.choice`."""
        return extract.choice(self.content, options)
