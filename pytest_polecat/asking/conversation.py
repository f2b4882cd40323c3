"""A conversation that a test holds by itself, turn by turn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_polecat.asking.model import Model
from pytest_polecat.asking.prompting import assistant_message
from pytest_polecat.records.reply import Message

if TYPE_CHECKING:
    from pydantic import JsonValue


class Conversation:
    """Turns with one model. `messages` is what has been said so far, in the shape of the OpenAI API.

    With `carry_reasoning` the model's earlier reasoning is sent back to it; by default it is dropped, as chat
    templates of reasoning models expect.
    """

    def __init__(self, model: Model, *, system: str | None = None, carry_reasoning: bool = False) -> None:
        self.model = model
        self.carry_reasoning = carry_reasoning
        self.messages: list[Message] = []
        self.system = system or model.profile.system

    def say(self, prompt: str, **options: Any) -> Any:
        """Say something as the user and return the model's reply; `options` are those of `Model.ask`."""
        self.messages.append({"role": "user", "content": self.model.profile.prompt_prefix + prompt})
        return self._next(options)

    def tool_result(self, call_id: str, result: str, **options: Any) -> Any:
        """Give the result of a tool call and return what the model says to it."""
        self.messages.append({"role": "tool", "tool_call_id": call_id, "content": result})
        return self._next(options)

    def _next(self, options: dict[str, JsonValue]) -> Any:
        head: list[Message] = [{"role": "system", "content": self.system}] if self.system else []
        reply = self.model.ask([*head, *self.messages], **options)  # type: ignore[arg-type]
        self.messages.append(assistant_message(reply, carry_reasoning=self.carry_reasoning))
        return reply
