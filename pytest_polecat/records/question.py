"""A question as its author wrote it, and the header of the suite it belongs to."""

import hashlib
import json
import re
from typing import Annotated, Any, Literal, Self

from pydantic import Field, JsonValue, field_validator, model_validator

from pytest_polecat.records.base import Record
from pytest_polecat.records.reply import JsonText, ToolCall
from pytest_polecat.records.request import Sampling

ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$"
"""Ids are ASCII slugs: pytest escapes anything else, and file systems limit length."""

_FUNCTION_KEYS = ("name", "description", "parameters", "strict")

Tier = Annotated[int, Field(ge=1, le=3)]
Points = Annotated[float, Field(gt=0, allow_inf_nan=False)]


AnswerFrom = Literal["content", "reasoning_if_empty"]
"""Where the answer is read: in the visible content alone, or in the reasoning where there is no content."""


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


class ToolResult(Record):
    """What a tool returns to a call of the model: to one of this name and, where given, with these `arguments`.

    The call may have further arguments. `content` is a text, or a value that is sent as its JSON.
    """

    name: Annotated[str, Field(min_length=1)]
    arguments: dict[str, JsonValue] = {}
    content: JsonText


class Turn(Record):
    """What the model is told once in a conversation, and what is checked in its answer.

    It is told what the user says (`prompt`), or what its tools return (`tool_results`): one result for each call that
    it made in the turn before. If it made other calls, the conversation ends there.
    """

    prompt: str | None = None
    tool_results: tuple[ToolResult, ...] = ()
    checks: tuple[CheckSpec, ...] = ()

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if (self.prompt is None) == (not self.tool_results):
            raise ValueError("give either `prompt` or `tool_results`")
        return self


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
    answer_from: AnswerFrom = Field(
        default="content",
        description="`reasoning_if_empty` reads the answer in the reasoning if the reply shows nothing; it is flagged",
    )
    constrained: bool = Field(
        default=False,
        description="ask with the server's schema-constrained decoding, by the json_schema check's schema",
    )
    tools: tuple[dict[str, JsonValue], ...] = Field(
        default=(), description="functions on offer: `{name, description, parameters}`, or in the form of OpenAI's API"
    )
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

    @field_validator("tools", mode="before")
    @classmethod
    def _short_tools(cls, value: object) -> object:
        return [_tool(each) for each in value] if isinstance(value, list | tuple) else value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.prompt is None) == (not self.turns):
            raise ValueError("give either `prompt` or `turns`")
        if self.turns and self.checks:
            raise ValueError("with `turns`, put the checks into the turns they check")
        if self.turns and self.turns[0].prompt is None:
            raise ValueError("the first turn needs a `prompt`: no tool was called before it")
        for result in (result for turn in self.turns for result in turn.tool_results):
            if result.name not in self.functions:
                raise ValueError(f"`tool_results` answers {result.name!r}, which is none of the question's `tools`")
        for name, answer in [("reference", self.reference), *(("wrong", wrong) for wrong in self.wrong)]:
            if answer is not None and len(answer.turns) != self.length:
                raise ValueError(
                    f"`{name}` holds {len(answer.turns)} answer(s) for {self.length} turn(s): give one for each turn"
                )
        return self

    @property
    def conversation(self) -> tuple[Turn, ...]:
        """The turns; a plain prompt is a conversation of one."""
        return self.turns or (Turn(prompt=self.prompt or "", checks=self.checks),)

    @property
    def length(self) -> int:
        """The number of turns."""
        return len(self.turns) or 1

    @property
    def functions(self) -> dict[str, dict[str, JsonValue]]:
        """The parameters (a JSON Schema, empty if there is none) of each function in `tools`, by its name."""
        found: dict[str, dict[str, JsonValue]] = {}
        for tool in self.tools:
            match tool.get("function"):
                case {"name": str(name), **rest}:
                    parameters = rest.get("parameters")
                    found[name] = parameters if isinstance(parameters, dict) else {}
        return found

    def told(self, turn: int) -> tuple[str, ...]:
        """The texts that the question holds for the model up to this turn (from 1): its system prompt, and the prompts.

        Of a turn with `tool_results`, that is an empty text.
        """
        prompts = (each.prompt for each in self.turns[:turn]) if self.turns else (self.prompt,)[:turn]
        return (self.system or "", *(prompt or "" for prompt in prompts))

    @property
    def all_checks(self) -> tuple[CheckSpec, ...]:
        """Every check of every turn, in order."""
        return tuple(check for turn in self.turns for check in turn.checks) if self.turns else self.checks


def _tool(value: object) -> object:
    """A tool in the form of OpenAI's API. One that has a `type` is in the form of some API already."""
    if not isinstance(value, dict) or "type" in value:
        return value
    unknown = [str(key) for key in value if key not in _FUNCTION_KEYS]
    if unknown or not isinstance(value.get("name"), str) or not value["name"]:
        fault = f"the key {unknown[0]!r}" if unknown else "no `name`"
        raise ValueError(f"a tool has {fault}; write {', '.join(_FUNCTION_KEYS)}")
    return {"type": "function", "function": value}


def content_hash(*parts: object) -> str:
    """A short, stable hash (16 hex digits of SHA-256) of JSON-able values."""
    return hashlib.sha256(_canonical(parts).encode()).hexdigest()[:16]


def _dump(value: Any) -> Any:
    return value.model_dump(mode="json", exclude_defaults=True)


_canonical = json.JSONEncoder(sort_keys=True, ensure_ascii=True, separators=(",", ":"), default=_dump).encode
