"""What is sent to a model: sampling and one chat request."""

from functools import cached_property
from typing import Annotated, Any

from pydantic import Field, JsonValue

from pytest_polecat.records.base import Record
from pytest_polecat.records.reply import Message

_NonNegative = Annotated[float, Field(ge=0)]
_Probability = Annotated[float, Field(ge=0, le=1)]


class Sampling(Record):
    """Sampling parameters under llama-server's names; None leaves the choice to the layer below, last the server.

    `extra` passes further request fields through as they are (`dry_multiplier`, `samplers`, …).
    """

    temperature: _NonNegative | None = None
    top_p: _Probability | None = None
    top_k: Annotated[int, Field(ge=0)] | None = None
    min_p: _Probability | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    repeat_penalty: _NonNegative | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    stop: tuple[str, ...] | None = None
    extra: dict[str, JsonValue] = {}

    def __hash__(self) -> int:
        """By value, although `extra` is a dict. Pydantic shares a default that can be hashed instead of copying it."""
        return hash(self.model_dump_json())

    def over(self, below: "Sampling") -> "Sampling":
        """These parameters laid over `below`: what is set here wins, `extra` is merged key by key."""
        if self == NOTHING:
            return below
        mine = self.model_dump(exclude_none=True, exclude={"extra"})
        return below.model_copy(update={**mine, "extra": {**below.extra, **self.extra}})

    def fields(self) -> dict[str, JsonValue]:
        """The request fields: everything that is set, with `extra` inlined."""
        dumped: dict[str, Any] = self.model_dump(mode="json", exclude_none=True, exclude={"extra"})
        return {**dumped, **self.extra}


NOTHING = Sampling()
"""No parameter set."""


class Request(Record):
    """One chat completion request, complete: equal requests are the same question to a model."""

    messages: tuple[Message, ...]
    sampling: Sampling = Sampling()
    seed: int | None = None
    response_format: dict[str, JsonValue] | None = None
    tools: tuple[dict[str, JsonValue], ...] = ()
    tool_choice: JsonValue = None
    chat_template_kwargs: dict[str, JsonValue] = {}
    thinking_budget_tokens: int | None = None

    def body(self) -> dict[str, JsonValue]:
        """The JSON body for `/v1/chat/completions`, less `model` and `stream`."""
        return dict(self._body)

    @cached_property
    def _body(self) -> dict[str, JsonValue]:
        body: dict[str, JsonValue] = {"messages": list(self.messages), **self.sampling.fields()}
        if self.tools:
            # Servers differ in whether a model may make several calls at once unless they are told.
            body.setdefault("parallel_tool_calls", True)
        optional: dict[str, JsonValue] = {
            "seed": self.seed,
            "response_format": self.response_format,
            "tools": list(self.tools) or None,
            "tool_choice": self.tool_choice,
            "chat_template_kwargs": self.chat_template_kwargs or None,
            "thinking_budget_tokens": self.thinking_budget_tokens,
        }
        body.update({name: value for name, value in optional.items() if value is not None})
        return body
