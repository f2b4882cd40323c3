"""From a question to chat requests: messages, sampling, reasoning, schema-constrained decoding."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pydantic import JsonValue

from pytest_polecat.questions.cases import Entry
from pytest_polecat.questions.tool_results import results_for
from pytest_polecat.records.profile import Profile
from pytest_polecat.records.question import Question, Turn
from pytest_polecat.records.reply import Message, Reply
from pytest_polecat.records.request import Request, Sampling

SchemaOf = Callable[[Question], dict[str, Any]]
"""Gives the JSON Schema to constrain a question's decoding by."""

UNCACHED = Sampling(extra={"cache_prompt": False})
"""A cached prefix changes a real model's logits, so launched servers are asked without the cache."""


def request_for(entry: Entry, profile: Profile, earlier: Sequence[Reply], seed: int, schema_of: SchemaOf) -> Request:
    """The request of the turn that follows `earlier` replies.

    Sampling is laid in order: the suite's defaults, the profile, the question. The system prompt is the question's,
    else the suite's, else the profile's.
    """
    question = entry.question
    system = question.system or entry.header.system or profile.system
    messages: list[Message] = [{"role": "system", "content": system}] if system else []
    for number, turn in enumerate(question.conversation[: len(earlier) + 1]):
        messages.extend(_told(turn, earlier[:number], profile))
        if number < len(earlier):
            messages.append(assistant_message(earlier[number], carry_reasoning=question.carry_reasoning))
    constraint: dict[str, JsonValue] | None = None
    if question.constrained:
        schema = schema_of(question)
        constraint = {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": schema}}
    return chat_request(
        messages,
        profile,
        question.sampling,
        entry.header.sampling,
        seed,
        response_format=constraint,
        tools=question.tools,
        tool_choice=question.tool_choice,
    )


def _told(turn: Turn, earlier: Sequence[Reply], profile: Profile) -> Iterator[Message]:
    """What the model is told in a turn: the prompt, or a result for each call of its last reply."""
    if turn.prompt is not None:
        yield {"role": "user", "content": profile.prompt_prefix + turn.prompt}
        return
    calls = earlier[-1].tool_calls
    for call, result in zip(calls, results_for(turn, calls) or (), strict=True):
        yield {"role": "tool", "tool_call_id": call.id, "name": call.name, "content": result.content}


def chat_request(
    messages: Sequence[Message],
    profile: Profile,
    own: Sampling,
    defaults: Sampling,
    seed: int | None,
    *,
    response_format: dict[str, JsonValue] | None = None,
    tools: Sequence[dict[str, JsonValue]] = (),
    tool_choice: JsonValue = None,
) -> Request:
    """A request of these messages under a profile's sampling and reasoning."""
    sampling = own.over(profile.sampling.over(defaults))
    if not profile.url:
        sampling = sampling.over(UNCACHED)
    kwargs: dict[str, JsonValue] = {}
    if profile.reasoning.enabled is not None:
        kwargs["enable_thinking"] = profile.reasoning.enabled
    return Request(
        messages=tuple(messages),
        sampling=sampling,
        seed=seed,
        response_format=response_format,
        tools=tuple(tools),
        tool_choice=tool_choice,
        chat_template_kwargs=kwargs,
        thinking_budget_tokens=profile.reasoning.budget,
    )


def assistant_message(reply: Reply, *, carry_reasoning: bool) -> Message:
    """A reply as a message of the conversation; its reasoning goes along only if the question says so."""
    message: Message = {"role": "assistant", "content": reply.content}
    if carry_reasoning and reply.reasoning:
        message["reasoning_content"] = reply.reasoning
    if reply.tool_calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in reply.tool_calls
        ]
    return message
