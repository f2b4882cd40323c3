"""OpenAI's chat completions, as llama-server and most others speak them.

Protocol: https://platform.openai.com/docs/api-reference/chat, and the README of llama.cpp's server.
"""

from collections.abc import Iterator
from typing import Any

from pydantic import JsonValue

from pytest_polecat.asking.apis import fields
from pytest_polecat.asking.apis.base import Dialect, sendable
from pytest_polecat.asking.apis.fields import get
from pytest_polecat.asking.apis.openai_stream import is_cut, join_chunks, says_something
from pytest_polecat.asking.failures import error_in, unreadable
from pytest_polecat.records.reply import AskError, Reply, ToolCall, Usage
from pytest_polecat.records.request import Request


def auth_headers(key: str | None) -> dict[str, str]:
    """The key as a bearer token; nothing without one."""
    key = sendable(key)
    return {"authorization": f"Bearer {key}"} if key else {}


def body(request: Request, model: str | None, stream: bool) -> dict[str, JsonValue]:
    """The request as it stands, with the model's name; a stream is asked to end with the usage."""
    sent = request.body()
    if model is not None:
        sent["model"] = model
    if stream:
        sent.update({"stream": True, "stream_options": {"include_usage": True}})
    return sent


def read(raw: JsonValue, wall_ms: float) -> Reply:
    """The reply in a chat completion, or in the chunks of a streamed one."""
    answer: JsonValue = join_chunks(raw) if isinstance(raw, list) else raw
    choice = _first(get(answer, "choices"))
    message = get(choice, "message")
    visible, thought = _texts(get(message, "content"))
    content, tagged, unterminated = fields.split_thinking(visible)
    own = _reasoning(message)
    return Reply(
        content=fields.without_leading_blank_lines(content),
        reasoning="\n\n".join(text for text in (own, thought, tagged) if text),
        tool_calls=tuple(_tool_calls(get(message, "tool_calls"))),
        finish_reason=fields.text(get(choice, "finish_reason")) or None,
        usage=_usage(get(answer, "usage")),
        timings=fields.timings(get(answer, "timings"), wall_ms),
        error=_error(raw, answer),
        model=fields.text(get(answer, "model")) or None,
        system_fingerprint=fields.text(get(answer, "system_fingerprint")) or None,
        unterminated_think=unterminated,
    )


OPENAI = Dialect(
    path="/chat/completions",
    count_path="/chat/completions/input_tokens",
    auth_headers=auth_headers,
    body=body,
    read=read,
    is_cut=is_cut,
    says_something=says_something,
)


def _error(raw: JsonValue, answer: JsonValue) -> AskError | None:
    if error := error_in(answer):
        return error
    if not isinstance(answer, dict):
        return unreadable("the answer is not a JSON object", answer)
    message = get(_first(answer.get("choices")), "message")
    if message is None:
        return unreadable("the answer holds no `choices` with a `message`", raw)
    if not isinstance(get(message, "content"), str | list | None):
        return unreadable("the answer's `content` is no text", get(message, "content"))
    if isinstance(raw, list) and is_cut(raw):
        return unreadable("the stream broke off before the answer was whole; its end", raw[-1])
    return None


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else None


def _texts(content: Any) -> tuple[str, str]:
    """The visible and the thought text of a content: a text, or a list of typed parts."""
    visible, thought = [fields.text(content)], []
    for part in fields.listed(content):
        if isinstance(part, str) or get(part, "type") in (None, "text", "output_text"):
            visible.append(fields.text(part) or fields.text(get(part, "text")))
        elif get(part, "type") in ("thinking", "reasoning"):
            inner = get(part, "thinking") or get(part, "reasoning") or get(part, "text")
            pieces = inner if isinstance(inner, list) else [inner]
            thought.append("".join(fields.text(piece) or fields.text(get(piece, "text")) for piece in pieces))
    return "".join(visible), "".join(thought)


def _reasoning(message: Any) -> str:
    """The reasoning where llama-server, vLLM and others put it."""
    return next(filter(None, (_texts(get(message, key))[0] for key in ("reasoning_content", "reasoning"))), "")


def _tool_calls(calls: Any) -> Iterator[ToolCall]:
    for call in fields.listed(calls):
        if isinstance(call, dict):
            function = call["function"] if isinstance(call.get("function"), dict) else call
            yield ToolCall(
                name=fields.text(function.get("name")),
                arguments=fields.arguments(function.get("arguments")),
                id=fields.text(call.get("id")),
            )


def _usage(usage: Any) -> Usage:
    return Usage(
        prompt_tokens=fields.count(get(usage, "prompt_tokens")),
        completion_tokens=fields.count(get(usage, "completion_tokens")),
        cached_tokens=fields.count(get(get(usage, "prompt_tokens_details"), "cached_tokens")),
        reasoning_tokens=fields.count(get(get(usage, "completion_tokens_details"), "reasoning_tokens")),
    )
