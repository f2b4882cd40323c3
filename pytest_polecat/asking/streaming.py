"""Reading an answer's bytes: JSON, or a stream of server-sent events.

Protocol: https://html.spec.whatwg.org/multipage/server-sent-events.html as model servers speak it. Each `data:` line
holds one chunk, which tells by itself what it is: `event:` lines are passed over. Comment lines are pings.
"""

import json
from collections.abc import Iterable, Iterator

from pydantic import JsonValue

_DEEPEST = 200


def read_json(text: str) -> JsonValue:
    """The JSON value of a text, or the text itself where it is none, or is nested so deeply that others would choke."""
    try:
        value: JsonValue = json.loads(text)
    except (ValueError, RecursionError):
        return text
    brackets = text.count("[") + text.count("{")
    return text if brackets > _DEEPEST and _is_deeper(value, _DEEPEST) else value


def read_events(data: bytes) -> Iterator[tuple[int, JsonValue]]:
    """The events in the bytes of a stream, each with the offset of its end: JSON chunks, and text where it is none.

    Lines end with a newline and nothing else: JSON leaves other line separators of Unicode unescaped.
    """
    end = 0
    for line in data.split(b"\n"):
        end += len(line) + 1
        field, _, value = line.partition(b":")
        if field == b"data" and value.strip():
            yield min(end, len(data)), _parsed(value)
        elif field == b"error":
            yield min(end, len(data)), {"error": _parsed(value)}


def _is_deeper(value: JsonValue, levels: int) -> bool:
    layer = [value]
    while layer and levels >= 0:
        layer = [item for node in layer for item in _children(node)]
        levels -= 1
    return bool(layer)


def _children(node: JsonValue) -> Iterable[JsonValue]:
    if isinstance(node, dict):
        return node.values()
    return node if isinstance(node, list) else ()


def _parsed(value: bytes) -> JsonValue:
    return read_json(value.decode(errors="replace").strip())
