"""The chunks of a streamed chat completion, put together to one body.

Protocol: https://platform.openai.com/docs/api-reference/chat-streaming as llama-server speaks it. An error is a chunk
with an `error` (older servers: an `error:` line, which `read_events` makes such a chunk).
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import JsonValue

from pytest_polecat.asking.apis.fields import listed

DONE = "[DONE]"
"""The last event of a stream that ended well."""

_TEXTS = ("content", "reasoning_content", "reasoning")


def is_cut(chunks: Sequence[JsonValue]) -> bool:
    """Whether the stream broke off: no end of it, no finish reason and no error was seen."""
    return not any(
        chunk == DONE or (isinstance(chunk, dict) and (chunk.get("error") or _choice(chunk).get("finish_reason")))
        for chunk in chunks
    )


def says_something(chunk: JsonValue) -> bool:
    """Whether the chunk brings text or a part of a tool call: the first such chunk marks the first token."""
    delta = _delta(chunk)
    return any(delta.get(key) for key in (*_TEXTS, "tool_calls"))


def join_chunks(chunks: Iterable[JsonValue]) -> dict[str, JsonValue]:
    """The body that the server would have sent without streaming. There are no `choices` if no chunk had any."""
    body: dict[str, JsonValue] = {}
    texts: dict[str, list[JsonValue]] = {}
    calls: dict[int, dict[str, Any]] = {}
    choice: dict[str, JsonValue] = {}
    for chunk in chunks:
        if not isinstance(chunk, dict):
            continue
        body.update({key: value for key, value in chunk.items() if key != "choices" and value is not None})
        part = _choice(chunk)
        if part:
            choice.update({"index": 0, "finish_reason": part.get("finish_reason") or choice.get("finish_reason")})
        delta = _delta(chunk)
        for key in _TEXTS:
            if delta.get(key):
                texts.setdefault(key, []).append(delta[key])
        for fragment in listed(delta.get("tool_calls")):
            _add_fragment(calls, fragment)
    if choice:
        body["choices"] = [{**choice, "message": _message(texts, calls)}]
    return {**body, "object": "chat.completion"}


def _choice(chunk: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """The chunk's part of the first choice; the others belong to requests that polecat does not make."""
    for choice in listed(chunk.get("choices")):
        if isinstance(choice, dict) and not choice.get("index"):
            return choice
    return {}


def _delta(chunk: JsonValue) -> dict[str, JsonValue]:
    delta = _choice(chunk).get("delta") if isinstance(chunk, dict) else None
    return delta if isinstance(delta, dict) else {}


def _message(texts: dict[str, list[JsonValue]], calls: dict[int, dict[str, Any]]) -> dict[str, JsonValue]:
    message: dict[str, JsonValue] = {"role": "assistant", "content": None}
    message.update({key: _joined(pieces) for key, pieces in texts.items()})
    if calls:
        message["tool_calls"] = [
            {**call, "function": {**call["function"], "arguments": "".join(call["function"]["arguments"])}}
            for _, call in sorted(calls.items())
        ]
    return message


def _joined(pieces: list[JsonValue]) -> JsonValue:
    """One text; if the server streams lists of parts, one list."""
    texts = [piece for piece in pieces if isinstance(piece, str)]
    if len(texts) == len(pieces):
        return "".join(texts)
    return [part for piece in pieces for part in (piece if isinstance(piece, list) else [piece])]


def _add_fragment(calls: dict[int, dict[str, Any]], fragment: JsonValue) -> None:
    if not isinstance(fragment, dict):
        return
    index = fragment.get("index")
    if not isinstance(index, int):
        index = len(calls) if fragment.get("id") else max(calls, default=0)
    call = calls.setdefault(index, {"type": "function", "id": "", "function": {"name": "", "arguments": []}})
    call["id"] = call["id"] or fragment.get("id") or ""
    function = fragment.get("function")
    if isinstance(function, dict):
        target = call["function"]
        target["name"] = target["name"] or function.get("name") or ""
        arguments = function.get("arguments")
        if arguments is not None:
            target["arguments"].append(arguments if isinstance(arguments, str) else json.dumps(arguments))
