"""The reply that a test reads: its answer as text, code, files, JSON, a number or a choice.

What reads is imported where it is used: most suites need one reader or none, and their patterns take time to compile.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, Self

from pytest_polecat.records.question import AnswerFrom
from pytest_polecat.records.reply import Reply

if TYPE_CHECKING:
    from pytest_polecat.grading.strict_json import Around

FROM_REASONING = "answer_from_reasoning"
"""The flag of an attempt whose answer was taken from the reasoning."""


def answering(reply: Reply, answer_from: AnswerFrom) -> Reply:
    """The reply as it is graded: with its reasoning as the content, where the question allows it and it has no other.

    Reasoning that was cut off is never taken: what stands in it is no answer yet. The reply itself is handed back where
    nothing is taken.
    """
    if answer_from == "content" or not reply.empty or reply.truncated or reply.error is not None:
        return reply
    return reply.model_copy(update={"content": reply.reasoning}) if reply.reasoning.strip() else reply


class ReadableReply(Reply):
    """A reply with readers for its content; they never look at the reasoning.

    What a reader can't find is the model's miss: it raises `Missed` with the mode `extraction_failed`.
    """

    @classmethod
    def of(cls, reply: Reply) -> Self:
        """The same reply with readers."""
        # What pydantic does for a copy: its own constructors would make every default anew, to be replaced at once.
        readable = cls.__new__(cls)
        object.__setattr__(readable, "__dict__", dict(reply.__dict__))
        object.__setattr__(readable, "__pydantic_fields_set__", set(reply.model_fields_set))
        object.__setattr__(readable, "__pydantic_extra__", None)
        object.__setattr__(readable, "__pydantic_private__", None)
        return readable

    @property
    def text(self) -> str:
        """The content without white space around it."""
        return self.content.strip()

    def code(self, language: str | None = None, defining: str | None = None) -> str:
        """The code: see `extract.code`."""
        from pytest_polecat.grading import extract

        return extract.code(self.content, language, defining)

    def files(self) -> dict[str, str]:
        """The files by their paths: see `extract.files`."""
        from pytest_polecat.grading import extract

        return extract.files(self.content)

    def json(self, around: Around = "none") -> Any:  # type: ignore[override]
        """The one JSON value, strictly read: see `strict_json.json_value`."""
        from pytest_polecat.grading import extract

        return extract.json_value(self.content, around)

    def number(self) -> Fraction:
        """The number given as the answer, exactly: see `numbers.number`."""
        from pytest_polecat.grading import extract

        return extract.number(self.content)

    def choice(self, options: str = "ABCD") -> str:
        """The letter of the chosen option: see `choices.choice`."""
        from pytest_polecat.grading import extract

        return extract.choice(self.content, options)
