"""The events of a streamed message of Anthropic's API, put together to one body.

Protocol: https://platform.claude.com/docs/en/build-with-claude/streaming. `message_start` brings the message without
its content, `content_block_start`, `_delta` and `_stop` its blocks by their index, `message_delta` what was open
(`stop_reason`, the counts of tokens); an error is an `error` event. llama-server sends its errors bare.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import JsonValue

from pytest_polecat.asking.apis.fields import get
from pytest_polecat.asking.streaming import read_json

EVENTS = (
    "message_start",
    "content_block_start",
    "content_block_delta",
    "content_block_stop",
    "message_delta",
    "message_stop",
    "ping",
)
_DELTAS = {
    "text_delta": ("text", "text"),
    "thinking_delta": ("thinking", "thinking"),
    "signature_delta": ("thinking", "signature"),
    "input_json_delta": ("tool_use", "partial_json"),
}
"""Types of deltas: the type of the block that they belong to, and the key that holds the piece."""

_SPOKEN = ("text", "thinking", "partial_json")


def is_cut(chunks: Sequence[JsonValue]) -> bool:
    """Whether the stream broke off: no end of it, no stop reason and no error was seen."""
    return not any(
        get(chunk, "type") == "message_stop" or get(get(chunk, "delta"), "stop_reason") or error_of(chunk)
        for chunk in chunks
    )


def says_something(chunk: JsonValue) -> bool:
    """Whether the event brings text or a part of a tool call: the first such event marks the first token."""
    if get(chunk, "type") == "content_block_start":
        return bool(get(get(chunk, "content_block"), "type") == "tool_use")
    return any(get(get(chunk, "delta"), key) for key in _SPOKEN)


def error_of(chunk: JsonValue) -> JsonValue:
    """The error that an event tells of; None if it is another event."""
    if not isinstance(chunk, dict) or chunk.get("type") in EVENTS:
        return None
    bare = chunk if "code" in chunk and "message" in chunk else None
    return chunk.get("error") or bare


def join_events(chunks: Iterable[JsonValue]) -> dict[str, JsonValue]:
    """The body that the server would have sent without streaming. It has no `content` if no event brought any."""
    body: dict[str, JsonValue] = {}
    usage: dict[str, JsonValue] = {}
    blocks = _Blocks()
    for chunk in chunks:
        match get(chunk, "type"):
            case "message_start":
                body.update(_known(get(chunk, "message")))
                usage.update(_known(get(get(chunk, "message"), "usage")))
            case "message_delta":
                body.update(_known(get(chunk, "delta")))
                usage.update(_known(get(chunk, "usage")))
            case "content_block_start":
                blocks.start(get(chunk, "index"), get(chunk, "content_block"))
            case "content_block_delta":
                blocks.add(get(chunk, "index"), get(chunk, "delta"))
        if error := error_of(chunk):
            body["error"] = error
    content = blocks.content()
    if content or "content" in body:
        body["content"] = content
    return {**body, "type": "message", "usage": usage}


class _Blocks:
    """The blocks of a message by their index, and the pieces of each that have come so far."""

    def __init__(self) -> None:
        self._blocks: dict[int, dict[str, Any]] = {}
        self._pieces: dict[int, dict[str, list[str]]] = {}

    def start(self, index: Any, block: Any) -> None:
        if isinstance(index, int):
            self._block(index).update(_known(block))

    def add(self, index: Any, delta: Any) -> None:
        kind, key = _DELTAS.get(str(get(delta, "type")), ("", ""))
        piece = get(delta, key)
        if isinstance(index, int) and isinstance(piece, str):
            self._block(index).setdefault("type", kind)
            self._pieces[index].setdefault(key, []).append(piece)

    def content(self) -> list[JsonValue]:
        return [{**block, **_joined(self._pieces[index])} for index, block in sorted(self._blocks.items())]

    def _block(self, index: int) -> dict[str, Any]:
        self._pieces.setdefault(index, {})
        return self._blocks.setdefault(index, {})


def _joined(pieces: dict[str, list[str]]) -> dict[str, JsonValue]:
    """The whole values; a tool's input that is no JSON (generation was cut off in it) stays the text that it is."""
    whole: dict[str, JsonValue] = {key: "".join(texts) for key, texts in pieces.items() if key != "partial_json"}
    if written := "".join(pieces.get("partial_json", ())):
        whole["input"] = read_json(written)
    return whole


def _known(value: Any) -> dict[str, JsonValue]:
    return {key: item for key, item in value.items() if item is not None} if isinstance(value, dict) else {}
