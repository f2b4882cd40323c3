"""A question as its author wrote it, and the header of the suite it belongs to."""

import hashlib
import json
import re
from typing import Annotated, Any, Self

from pydantic import Field, JsonValue, field_validator, model_validator

from pytest_polecat.records.base import Record
from pytest_polecat.records.reply import ToolCall
from pytest_polecat.records.request import Sampling

ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$"
"""Ids are ASCII slugs: pytest escapes anything else, and file systems limit length."""

Tier = Annotated[int, Field(ge=1, le=3)]
Points = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class CheckSpec(Record):
    """One check as written: `name: expectation`, with an optional `weight` beside it.

    The expectation stays raw here; the check itself validates it.
    """

    name: str
    expectation: JsonValue = None
    weight: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1

    @model_validator(mode="before")
    @classmethod
    def _from_yaml(cls, value: object) -> object:
        if isinstance(value, str):
            return {"name": value}
        if not isinstance(value, dict) or "name" in value:
            return value
        names = [key for key in value if key != "weight"]
        if len(names) != 1:
            raise ValueError("a check is one `name: expectation`, with an optional `weight` beside it")
        spec = {"name": names[0], "expectation": value[names[0]]}
        return {**spec, "weight": value["weight"]} if "weight" in value else spec


class Answer(Record):
    """One model answer that the author wrote down: a text, or content with reasoning and tool calls."""

    content: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        return {"content": value} if isinstance(value, str) else value


class DeclaredAnswer(Record):
    """A reference or a known-wrong answer: one `Answer` for each turn, and the points that it deserves.

    Short forms: a text; an answer; a list with an answer for each turn. `points` is meant for wrong answers
    that deserve some (none unless said so).
    """

    turns: tuple[Answer, ...]
    points: Annotated[float, Field(ge=0)] = 0

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, value: object) -> object:
        if isinstance(value, str):
            return {"turns": [value]}
        if isinstance(value, list):
            return {"turns": value}
        if isinstance(value, dict) and "turns" not in value:
            answer = {key: item for key, item in value.items() if key != "points"}
            return {"turns": [answer], "points": value.get("points", 0)}
        return value


class Turn(Record):
    """What the user says once in a conversation, and what is checked in the answer to it."""

    prompt: str
    checks: tuple[CheckSpec, ...] = ()


class SuiteHeader(Record):
    """What all questions of a suite share. In a Python suite: a module-level `SUITE = polecat.SuiteHeader(…)`."""

    suite: Annotated[str, Field(pattern=ID_PATTERN)]
    version: int | str = 1
    licence: str = ""
    description: str = ""
    sampling: Sampling = Sampling()
    system: str | None = None


class Question(Record):
    """One question: what is asked (a prompt or turns), what it is worth, and how the answer is checked."""

    id: Annotated[str, Field(pattern=ID_PATTERN)]
    tier: Tier = 1
    points: Points = 1
    prompt: str | None = None
    turns: tuple[Turn, ...] = ()
    system: str | None = None
    checks: tuple[CheckSpec, ...] = ()
    all_or_nothing: bool = False
    reference: DeclaredAnswer | None = None
    wrong: tuple[DeclaredAnswer, ...] = ()
    sampling: Sampling = Sampling()
    constrained: bool = Field(
        default=False,
        description="ask with the server's schema-constrained decoding, by the json_schema check's schema",
    )
    tools: tuple[dict[str, JsonValue], ...] = ()
    tool_choice: JsonValue = None
    carry_reasoning: bool = Field(default=False, description="send earlier reasoning back in later turns")
    family: str | None = Field(default=None, description="questions that differ only in constants share a family")
    tags: tuple[str, ...] = ()
    data: dict[str, JsonValue] = Field(default_factory=dict, description="anything the suite's own grader needs")

    @field_validator("id", mode="before")
    @classmethod
    def _id_is_text(cls, value: object) -> object:
        if isinstance(value, str) and not re.match(ID_PATTERN, value):
            raise ValueError("an id is 1 to 80 ASCII letters, digits, dots, dashes and underscores")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.prompt is None) == (not self.turns):
            raise ValueError("give either `prompt` or `turns`")
        if self.turns and self.checks:
            raise ValueError("with `turns`, put the checks into the turns they check")
        for name, answer in [("reference", self.reference), *(("wrong", wrong) for wrong in self.wrong)]:
            if answer is not None and len(answer.turns) != len(self.conversation):
                raise ValueError(
                    f"`{name}` holds {len(answer.turns)} answer(s) for {len(self.conversation)} turn(s): "
                    "give one for each turn"
                )
        return self

    @property
    def conversation(self) -> tuple[Turn, ...]:
        """The turns; a plain prompt is a conversation of one."""
        return self.turns or (Turn(prompt=self.prompt or "", checks=self.checks),)

    @property
    def all_checks(self) -> tuple[CheckSpec, ...]:
        """Every check of every turn, in order."""
        return tuple(check for turn in self.conversation for check in turn.checks)


def content_hash(*parts: object) -> str:
    """A short, stable hash (16 hex digits of SHA-256) of JSON-able values."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=True, separators=(",", ":"), default=_dump)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _dump(value: Any) -> Any:
    return value.model_dump(mode="json", exclude_defaults=True)
