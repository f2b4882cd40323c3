"""What the demo model answers: the files in `fixtures/demo`, one for each bundled suite.

```yaml
default: I do not know.                       # when no trigger stands in the context
replies:
  - trigger: capital of France                # a phrase of the prompt, verbatim
    text: Paris
    weak: Lyon                                # what `demo-weak` answers
  - trigger: weather in Paris
    think: They want the weather.
    tool_call: {name: get_weather, arguments: {city: Paris}}
    weak: default
  - trigger: flip a coin
    choices: [[0.5, heads], [0.5, tails]]     # drawn with these probabilities
```

The latest trigger in the whole context decides the reply, in a conversation also one of an earlier turn. What the
model said stands in the context too, so no reply may contain another's trigger.

The model does nothing else: a request that insists on a tool call (`tool_choice: required`) where the reply is none
runs on until its `max_tokens`. Under a JSON schema that the reply doesn't fit, it writes a minimal document.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, JsonValue, ValidationError, model_validator

from pytest_polecat.demo.template import RESERVED, TEMPLATE
from pytest_polecat.errors import PolecatError
from pytest_polecat.questions.lines import Document
from pytest_polecat.records.base import Record

FOREVER = "FOREVER"
"""A `think` that never ends: it uses up every token that the request allows."""

MAX_TRIGGERS = 256
MIN_TRIGGER = 4
"""Characters of a trigger at least: what is shorter stands in every prompt."""

_Draw = tuple[Annotated[float, Field(gt=0, le=1)], str]


class ToolCall(Record):
    """A function to call and its arguments."""

    name: Annotated[str, Field(min_length=1)]
    arguments: dict[str, JsonValue] = {}

    def as_text(self) -> str:
        """The call as the model writes it and as the chat template renders it."""
        call = json.dumps({"name": self.name, "arguments": self.arguments}, ensure_ascii=False)
        return f"<tool_call>\n{call}\n</tool_call>"


class Answer(Record):
    """One way to answer: a text, a tool call, or a draw among texts; before it, optionally, reasoning."""

    text: str | None = None
    tool_call: ToolCall | None = None
    choices: tuple[_Draw, ...] | None = None
    think: str | None = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        given = [value for value in (self.text, self.tool_call, self.choices) if value is not None]
        if len(given) != 1:
            raise ValueError("give exactly one of `text`, `tool_call` and `choices`")
        if self.choices is not None:
            total = sum(probability for probability, _ in self.choices)
            if abs(total - 1) > 1e-6:
                raise ValueError(f"the probabilities of `choices` add up to {total:g}; they must add up to 1")
            texts = [text for _, text in self.choices]
            if len(set(texts)) < len(texts):
                raise ValueError("`choices` has the same text twice; add up their probabilities")
        return self

    @property
    def endless(self) -> bool:
        """Whether the reasoning never ends by itself."""
        return self.think == FOREVER

    @property
    def draws(self) -> tuple[_Draw, ...]:
        """The texts that the answer may be and their probabilities: for most answers one text with probability 1."""
        if self.choices is not None:
            return self.choices
        return ((1.0, self.tool_call.as_text() if self.tool_call else self.text or ""),)

    def sayings(self) -> Iterator[str]:
        """Everything that the model may say, reasoning included."""
        yield from (text for _, text in self.draws)
        if self.think is not None and not self.endless:
            yield self.think


class Entry(Answer):
    """A trigger, what `demo` answers to it, and what `demo-weak` answers if that differs."""

    trigger: Annotated[str, Field(min_length=MIN_TRIGGER)]
    weak: Answer | Literal["default"] | None = None

    @model_validator(mode="before")
    @classmethod
    def _weak_may_be_a_text(cls, value: object) -> object:
        if isinstance(value, dict) and isinstance(value.get("weak"), str) and value["weak"] != "default":
            return {**value, "weak": {"text": value["weak"]}}
        return value


class Spec(Record):
    """All replies of the demo model."""

    default: Annotated[str, Field(min_length=1)]
    replies: tuple[Entry, ...] = ()

    @model_validator(mode="after")
    def _triggers_decide(self) -> Self:
        for fault in self._faults():
            raise fault
        return self

    @property
    def triggers(self) -> tuple[str, ...]:
        """The triggers, in the order of the file."""
        return tuple(entry.trigger for entry in self.replies)

    def answers(self, *, weak: bool = False) -> tuple[Answer, ...]:
        """The answer to each trigger, in the order of the file: those of `demo`, or of `demo-weak`."""
        return tuple(self._weak(entry) if weak else entry for entry in self.replies)

    def _weak(self, entry: Entry) -> Answer:
        if entry.weak == "default":
            return Answer(text=self.default)
        return entry.weak or entry

    def _faults(self) -> Iterator["_FaultError"]:
        if len(self.replies) > MAX_TRIGGERS:
            number = f"the file has {len(self.replies)} triggers"
            yield _FaultError(None, f"{number}; the model can tell {MAX_TRIGGERS} apart, so drop some")
        for index, trigger in enumerate(self.triggers):
            problem = self._trigger_fault(index, trigger)
            if problem:
                yield _FaultError(index, f"the trigger {problem}")
        yield from (_FaultError(None, f"the default reply {problem}") for problem in self._saying_faults(self.default))
        for index, entry in enumerate(self.replies):
            for saying in (*entry.sayings(), *self._weak(entry).sayings()):
                for problem in self._saying_faults(saying, own=entry.trigger):
                    yield _FaultError(index, f"its reply {problem}")

    def _trigger_fault(self, index: int, trigger: str) -> str | None:
        if trigger in self.triggers[:index]:
            return "stands in the file twice; drop one"
        for other in self.triggers:
            if other != trigger and other in trigger:
                return f"contains the trigger {other!r}, so both would match; reword one of them"
        if trigger in TEMPLATE:
            return "is a phrase of the chat template, so it stands in every prompt; use a longer phrase"
        if any(token in trigger for token in RESERVED):
            return f"contains a token of the chat template ({', '.join(RESERVED)}); leave it out"
        return None

    def _saying_faults(self, saying: str, own: str | None = None) -> Iterator[str]:
        for trigger in self.triggers:
            # A reply may repeat its own trigger, which has decided already.
            if trigger in saying and trigger != own:
                yield f"contains the trigger {trigger!r}, which would decide the next turn; reword one of them"
        for token in RESERVED:
            if token in saying:
                yield f"contains {token!r}, which the chat template gives a meaning; leave it out"
        if saying == "\n":
            yield "is a line break alone, which every prompt ends with; add something"


class _FaultError(ValueError):
    """A fault of the entry with this index (None: of the default reply, or of the file as a whole)."""

    def __init__(self, index: int | None, problem: str) -> None:
        super().__init__(problem)
        self.path: tuple[str | int, ...] = ("default",) if index is None else ("replies", index)


def load(path: Path) -> Spec:
    """Read and validate a file of replies, or all `*.yaml` files of a folder as one; one of them has the `default`.

    Any fault is one `PolecatError` with file, line, trigger and mend.
    """
    parts = _Parts([_document(file) for file in (sorted(path.glob("*.yaml")) if path.is_dir() else [path])])
    try:
        return Spec.model_validate(parts.value)
    except ValidationError as error:
        raise PolecatError(_explained(parts, error)) from None


def _document(file: Path) -> Document:
    try:
        return Document(file, file.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise PolecatError(f"{file}: not UTF-8 at byte {error.start}; save the file as UTF-8") from None
    except OSError as error:
        raise PolecatError(f"{file}: can't be read: {error.strerror}") from None


class _Parts:
    """Several files of replies as one value, and where each part of it stands."""

    def __init__(self, documents: list[Document]) -> None:
        self._documents = documents
        self._replies = [
            (document, index) for document in documents for index in range(len(_replies_in(document.value)))
        ]

    @property
    def value(self) -> object:
        """The values of all files; lists of replies follow each other."""
        if len(self._documents) == 1:
            return self._documents[0].value
        merged: dict[str, object] = {}
        for document in self._documents:
            if not isinstance(document.value, dict):
                raise PolecatError(f"{document.file}: it needs `replies`, a list")
            if "default" in document.value and "default" in merged:
                raise PolecatError(f"{document.file}:{document.line(('default',))}: another file has the `default`")
            merged |= document.value
        return merged | {"replies": [_replies_in(document.value)[index] for document, index in self._replies]}

    def place(self, path: tuple[str | int, ...]) -> tuple[Document, tuple[str | int, ...]]:
        """The file in which a part of the value stands, and its path there."""
        match path:
            case ("replies", int(number), *rest) if number < len(self._replies):
                document, index = self._replies[number]
                return document, ("replies", index, *rest)
            case (str(key), *_):
                named = (each for each in self._documents if isinstance(each.value, dict) and key in each.value)
                return next(named, self._documents[0]), path
        return self._documents[0], path


def _replies_in(value: object) -> list[object]:
    replies = value.get("replies") if isinstance(value, dict) else None
    return replies if isinstance(replies, list) else []


def _explained(parts: _Parts, error: ValidationError) -> str:
    details = error.errors(include_url=False)[0]
    path, problem = details["loc"], details["msg"]
    fault = details.get("ctx", {}).get("error")
    if isinstance(fault, ValueError):
        path, problem = getattr(fault, "path", path), str(fault)
    elif details["type"] == "extra_forbidden":
        problem = "unknown key; drop it or correct its spelling"
    elif details["type"] == "string_type":
        problem = f"should be a text; put {details['input']!r} in quotes"
    document, path = parts.place(path)
    keys = [part for part in path if isinstance(part, str) and part != "replies" and not part[0].isupper()]
    named = [_trigger_at(document.value, path), *(f"`{key}`" for key in keys[-1:])]
    where = f"{document.file}:{document.line(path)}"
    return ": ".join([where, *filter(None, named), problem[0].lower() + problem[1:]])


def _trigger_at(value: object, path: tuple[int | str, ...]) -> str | None:
    match value, path:
        case {"replies": list(replies)}, ("replies", int(index), *_) if isinstance(replies[index], dict):
            return f"trigger {replies[index].get('trigger', f'number {index + 1}')!r}"
    return None
