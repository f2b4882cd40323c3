"""Anthropic's API as a real llama.cpp server speaks it."""

from collections.abc import Iterator
from typing import Any

import pytest

from pytest_polecat.asking.client import Exchange
from pytest_polecat.asking.parsing import parse_reply
from pytest_polecat.demo.model import build
from pytest_polecat.demo.spec import Spec
from pytest_polecat.records.outcome import FailureMode
from pytest_polecat.records.request import Request, Sampling
from tests.asking.client_helpers import ask, hello
from tests.demo.served import Server, serving

pytest.importorskip("xllamacpp", reason="the demo model needs the extra demo")
pytest.importorskip("gguf", reason="the demo model needs the extra demo")

SPEC = Spec.model_validate(
    {
        "default": "I do not know.",
        "replies": [
            {"trigger": "capital of France", "text": "Paris, as far as I know.\nIt is on the Seine."},
            {"trigger": "a deep question", "think": "Let me see.\nIt is deep.", "text": "Forty-two."},
            {"trigger": "weather in Oslo", "tool_call": {"name": "get_weather", "arguments": {"city": "Oslo"}}},
            {"trigger": "sunny and 21", "text": "It is warm."},
            {"trigger": "be a poet", "text": "O rose."},
        ],
    }
)
SCHEMA: dict[str, Any] = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS: tuple[Any, ...] = ({"type": "function", "function": {"name": "get_weather", "parameters": SCHEMA}},)
CALM = Sampling(temperature=0, max_tokens=200)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("demo")
    build(SPEC, folder / "demo.gguf")
    with serving(folder / "demo.gguf", folder / "server.log") as server:
        yield _base(server)


def _base(server: Server) -> str:
    return f"{server.client.base_url}".rstrip("/") + "/v1"


def conversation() -> Request:
    call: Any = {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Oslo"}'}}
    return Request(
        messages=(
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "What is the weather in Oslo?"},
            {"role": "assistant", "content": "", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": "sunny and 21"},
        ),
        tools=TOOLS,
        sampling=CALM,
    )


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "request_",
    [
        hello("What is the capital of France?", sampling=CALM),
        hello("Here is a deep question.", sampling=CALM, thinking_budget_tokens=1024),
        hello("What is the weather in Oslo?", sampling=CALM, tools=TOOLS),
        hello("What is the capital of France?", sampling=Sampling(temperature=0, max_tokens=2)),
        hello("What is the capital of France?", sampling=Sampling(temperature=0, stop=("Seine",))),
        Request(
            messages=({"role": "system", "content": "be a poet"}, {"role": "user", "content": "Hi"}), sampling=CALM
        ),
        conversation(),
    ],
    ids=["text", "thinking", "tool call", "cut off", "stop", "system", "tool result"],
)
def test_both_apis_of_a_real_server_tell_the_same_reply(url: str, request_: Request, stream: bool) -> None:
    ours, theirs = (ask(url, request_, api=api, stream=stream) for api in ("openai", "anthropic"))
    assert theirs.reply.error is None
    assert _told(theirs) == _told(ours)
    assert theirs.reply.timings is not None
    assert parse_reply(theirs.raw, theirs.reply.timings.wall_ms) == theirs.reply
    assert (theirs.first_token_ms is not None) is stream


def test_a_prompt_that_the_context_does_not_hold_is_told_by_both(url: str) -> None:
    endless = hello("word " * 20000, sampling=CALM)
    for api in ("openai", "anthropic"):
        error = ask(url, endless, api=api).reply.error
        assert error is not None
        assert error.mode is FailureMode.CONTEXT_OVERFLOW


def _told(exchange: Exchange) -> tuple[object, ...]:
    reply = exchange.reply
    calls = [(call.name, call.arguments.replace(" ", "")) for call in reply.tool_calls]
    counts = reply.usage.prompt_tokens, reply.usage.completion_tokens
    return reply.content, reply.reasoning, calls, reply.finish_reason, counts
