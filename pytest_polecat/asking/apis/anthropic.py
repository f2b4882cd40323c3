"""Anthropic's messages API. llama-server speaks it too, at `/v1/messages`.

Protocol: https://platform.claude.com/docs/en/api/messages (version 2023-06-01).
"""

from collections.abc import Iterator
from typing import Any

from pydantic import JsonValue

from pytest_polecat.asking.apis import fields
from pytest_polecat.asking.apis.anthropic_request import body
from pytest_polecat.asking.apis.anthropic_stream import EVENTS, is_cut, join_events, says_something
from pytest_polecat.asking.apis.base import Dialect, sendable
from pytest_polecat.asking.apis.fields import get
from pytest_polecat.asking.failures import error_in, unreadable
from pytest_polecat.records.outcome import FailureMode
from pytest_polecat.records.reply import AskError, Reply, ToolCall, Usage

VERSION = "2023-06-01"

_FINISH_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
}
"""Stop reasons by the names that OpenAI's API has for them; any other stays what it is."""


def auth_headers(key: str | None) -> dict[str, str]:
    """The version of the API, and the key if there is one."""
    key = sendable(key)
    version = {"anthropic-version": VERSION}
    return {**version, "x-api-key": key} if key else version


def read(raw: JsonValue, wall_ms: float) -> Reply:
    """The reply in a message, or in the events of a streamed one. Thinking that comes encrypted is passed over.

    A refusal (`stop_reason`) is an error of the mode `refusal`: the model's doing, whatever it wrote before.
    """
    answer: JsonValue = join_events(raw) if isinstance(raw, list) else raw
    blocks = fields.listed(get(answer, "content"))
    content, tagged, unterminated = fields.split_thinking("".join(_texts(blocks, "text")))
    stop_reason = fields.text(get(answer, "stop_reason"))
    return Reply(
        content=fields.without_leading_blank_lines(content),
        reasoning="\n\n".join(text for text in (*_texts(blocks, "thinking"), tagged) if text),
        tool_calls=tuple(_tool_calls(blocks)),
        finish_reason=_FINISH_REASONS.get(stop_reason, stop_reason) or None,
        usage=_usage(get(answer, "usage")),
        timings=fields.timings(get(answer, "timings"), wall_ms),
        error=_error(raw, answer, stop_reason),
        model=fields.text(get(answer, "model")) or None,
        unterminated_think=unterminated,
    )


def is_anthropic(raw: JsonValue) -> bool:
    """Whether an answer, or a stream's chunks, are of this API: they say so by their `type`."""
    if isinstance(raw, list):
        return any(get(chunk, "type") in EVENTS for chunk in raw)
    return bool(get(raw, "type") == "message")


ANTHROPIC = Dialect(
    path="/messages",
    count_path="/messages/count_tokens",
    auth_headers=auth_headers,
    body=body,
    read=read,
    is_cut=is_cut,
    says_something=says_something,
)


def _error(raw: JsonValue, answer: JsonValue, stop_reason: str) -> AskError | None:
    if error := error_in(answer):
        return error
    if not isinstance(answer, dict):
        return unreadable("the answer is not a JSON object", answer)
    if not isinstance(answer.get("content"), list):
        return unreadable("the answer holds no `content` of a message (is the profile's `api` right?)", raw)
    if isinstance(raw, list) and is_cut(raw):
        return unreadable("the stream broke off before the answer was whole; its end", raw[-1])
    return _given_up(stop_reason)


def _given_up(stop_reason: str) -> AskError | None:
    """The error of a turn that the model or the server gave up, although the request succeeded."""
    if stop_reason == "refusal":
        return AskError(mode=FailureMode.REFUSAL, message="the model refused to answer (stop_reason: refusal)")
    if stop_reason == "pause_turn":
        message = "the server paused the turn for a tool of its own: leave such tools out of the request"
        return AskError(mode=FailureMode.SUITE_ERROR, message=f"{message} (stop_reason: pause_turn)")
    return None


def _texts(blocks: list[Any], kind: str) -> list[str]:
    return [fields.text(get(block, kind)) for block in blocks if get(block, "type") == kind]


def _tool_calls(blocks: list[Any]) -> Iterator[ToolCall]:
    for block in blocks:
        if get(block, "type") == "tool_use":
            written = fields.arguments(get(block, "input"))
            yield ToolCall(name=fields.text(get(block, "name")), arguments=written, id=fields.text(get(block, "id")))


def _usage(usage: Any) -> Usage:
    """Counts as OpenAI's API has them: there the prompt's tokens include those that were read from the cache."""
    fresh, read_back, written = (
        fields.count(get(usage, key))
        for key in ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    )
    return Usage(
        prompt_tokens=None if fresh is None else fresh + (read_back or 0) + (written or 0),
        completion_tokens=fields.count(get(usage, "output_tokens")),
        cached_tokens=read_back,
    )
