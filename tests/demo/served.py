"""The demo model behind a real llama.cpp server, for the tests."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from pytest_polecat.asking.launch.base import Launch
from pytest_polecat.asking.launch.embedded.launcher import EmbeddedLauncher
from pytest_polecat.asking.launch.process import ServerProcess
from pytest_polecat.records.profile import Profile

THINKING_OFF = {"chat_template_kwargs": {"enable_thinking": False}}


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@dataclass(frozen=True)
class Choice:
    """What of an answer the tests look at."""

    content: str
    reasoning: str | None
    tool_calls: list[tuple[str, Any]]
    finish: str
    message: dict[str, Any]


@dataclass(frozen=True)
class Server:
    """A running server with the demo model."""

    client: httpx.Client

    def ask(self, question: str | list[dict[str, Any]], **fields: Any) -> Choice:
        """One chat completion, at temperature 0 and with at most 400 tokens unless `fields` says otherwise."""
        messages = [{"role": "user", "content": question}] if isinstance(question, str) else question
        body = {"messages": messages, "temperature": 0, "max_tokens": 400, **fields}
        response = self.client.post("/v1/chat/completions", json=body)
        assert response.status_code == 200, response.text
        choice = response.json()["choices"][0]
        message = choice["message"]
        calls = [call["function"] for call in message.get("tool_calls", [])]
        return Choice(
            content=message["content"],
            reasoning=message.get("reasoning_content"),
            tool_calls=[(call["name"], json.loads(call["arguments"])) for call in calls],
            finish=choice["finish_reason"],
            message=message,
        )

    def prompt(self, messages: list[dict[str, Any]], **fields: Any) -> str:
        """The messages as the chat template renders them."""
        prompt: str = self.client.post("/apply-template", json={"messages": messages, **fields}).json()["prompt"]
        return prompt


@contextmanager
def serving(model: Path, log: Path, draft: str | None = None, **args: Any) -> Iterator[Server]:
    """Serve a model file with four slots of 8192 tokens; `args` are flags of a profile."""
    profile = Profile(
        name="demo", model=str(model), draft=draft, parallel=4, args={"ctx-size": 32768, "threads": 1, **args}
    )
    with running(EmbeddedLauncher().prepare(profile, None, free_port()), log) as server:
        yield server


@contextmanager
def running(launch: Launch, log: Path) -> Iterator[Server]:
    """A started server, until the end of the context."""
    process = ServerProcess(launch, log, "demo", grace=0.2)
    try:
        process.wait_ready(60)
        with httpx.Client(base_url=launch.url.removesuffix("/v1"), trust_env=False, timeout=60) as client:
            yield Server(client)
    finally:
        process.stop()
