"""A model and its server as tests hold them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from pydantic import JsonValue

from pytest_polecat.asking.asker import Asked
from pytest_polecat.asking.engine import Engine
from pytest_polecat.asking.prompting import chat_request
from pytest_polecat.errors import ServerError
from pytest_polecat.questions.cases import CaseParam
from pytest_polecat.records.profile import Profile
from pytest_polecat.records.reply import Message, Reply
from pytest_polecat.records.request import NOTHING, Sampling
from pytest_polecat.records.run import Served


class ServerHandle:
    """A profile's server. Nothing starts until it is needed."""

    def __init__(self, profile: Profile, engine: Engine) -> None:
        self.profile = profile
        self.engine = engine

    @cached_property
    def served(self) -> Served:
        """What the server said of itself after start; waits for it. Raises `ServerError` if it can't be had."""
        served: Served = self.engine.call(self.engine.asker.served, self.profile)
        return served

    @property
    def url(self) -> str:
        """The base URL of its OpenAI-compatible API, with the `/v1`."""
        return self.served.url


class Model:
    """A model that can be asked. `read` turns a reply into what tests get (a reply with helpers)."""

    def __init__(self, server: ServerHandle, read: Callable[[Reply], Any]) -> None:
        self.server = server
        self.profile = server.profile
        self._read = read

    def ask(
        self,
        prompt: str | Sequence[Message],
        *,
        seed: int | None = 0,
        response_format: dict[str, JsonValue] | None = None,
        tools: Sequence[dict[str, JsonValue]] = (),
        tool_choice: JsonValue = None,
        **sampling: JsonValue,
    ) -> Any:
        """Ask freely: a prompt, or messages in the shape of the OpenAI API; further keywords are sampling parameters.

        The same request with the same seed is answered from the kept replies the second time. What the model caused
        is in the reply; a fault of ours or the machine's raises `ServerError`.
        """
        messages: Sequence[Message] = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
        own = Sampling.model_validate(sampling)
        request = chat_request(
            messages,
            self.profile,
            own,
            NOTHING,
            seed,
            response_format=response_format,
            tools=tools,
            tool_choice=tool_choice,
        )
        engine = self.server.engine
        reply, _ = engine.call(engine.asker.reply_to, request, self.profile)
        if reply.error is not None and reply.error.mode.infrastructure:
            raise ServerError(reply.error.message, reply.error.mode)
        return self._read(reply)

    def answer(self, nodeid: str, case: CaseParam) -> Asked:
        """The answer to an item's question, from the engine that asked it ahead."""
        return self.server.engine.answer(nodeid, case, self.profile)
