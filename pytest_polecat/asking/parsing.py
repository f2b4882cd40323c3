"""From the body of an answer to a `Reply`: pure, and total over any JSON. Kept raw replies are read again with it."""

import json
from collections.abc import Iterator
from typing import Any

from pydantic import JsonValue

from pytest_polecat.asking.failures import error_in, printable, unreadable
from pytest_polecat.asking.streaming import is_cut, join_chunks
from pytest_polecat.records.reply import AskError, Reply, Timings, ToolCall, Usage

_OPEN, _CLOSE = "<think>", "</think>"
_LARGEST = 2**53
_COUNTS = ("prompt_n", "cache_n", "predicted_n", "draft_n", "draft_n_accepted")
_MILLISECONDS = ("prompt_ms", "predicted_ms")


def parse_reply(body: JsonValue, wall_ms: float) -> Reply:
    """Read the body of a chat completion: the parsed object, the list of a stream's chunks, or text that is no JSON.

    Never raises. What is no chat completion becomes a reply with an `error`, which holds whatever could be read.
    `wall_ms` is the client's time from sending the request to having the whole answer.
    """
    answer: JsonValue = join_chunks(body) if isinstance(body, list) else body
    choice = _first(_get(answer, "choices"))
    message = _get(choice, "message")
    visible, thought = _texts(_get(message, "content"))
    content, tagged, unterminated = _split_thinking(visible)
    own = _reasoning(message)
    finish_reason = _get(choice, "finish_reason")
    return Reply(
        content=_without_leading_blank_lines(content),
        reasoning="\n\n".join(text for text in (own, thought, tagged) if text),
        tool_calls=tuple(_tool_calls(_get(message, "tool_calls"))),
        finish_reason=_text(finish_reason) or None,
        usage=_usage(_get(answer, "usage")),
        timings=_timings(_get(answer, "timings"), wall_ms),
        error=_error(body, answer),
        model=_text(_get(answer, "model")) or None,
        system_fingerprint=_text(_get(answer, "system_fingerprint")) or None,
        unterminated_think=unterminated,
    )


def _error(body: JsonValue, answer: JsonValue) -> AskError | None:
    if error := error_in(answer):
        return error
    if not isinstance(answer, dict):
        return unreadable("the answer is not a JSON object", answer)
    message = _get(_first(answer.get("choices")), "message")
    if message is None:
        return unreadable("the answer holds no `choices` with a `message`", body)
    if not isinstance(_get(message, "content"), str | list | None):
        return unreadable("the answer's `content` is no text", _get(message, "content"))
    if isinstance(body, list) and is_cut(body):
        return unreadable("the stream broke off before the answer was whole; its end", body[-1])
    return None


def _get(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, dict) else None


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else None


def _text(value: Any) -> str:
    return printable(value) if isinstance(value, str) else ""


def _texts(content: Any) -> tuple[str, str]:
    """The visible and the thought text of a content: a text, or a list of typed parts."""
    visible, thought = [_text(content)], []
    for part in content if isinstance(content, list) else ():
        if isinstance(part, str) or _get(part, "type") in (None, "text", "output_text"):
            visible.append(_text(part) or _text(_get(part, "text")))
        elif _get(part, "type") in ("thinking", "reasoning"):
            inner = _get(part, "thinking") or _get(part, "reasoning") or _get(part, "text")
            thought.append("".join(_text(item) or _text(_get(item, "text")) for item in _listed(inner)))
    return "".join(visible), "".join(thought)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _reasoning(message: Any) -> str:
    """The reasoning where llama-server, vLLM and others put it."""
    return next(filter(None, (_texts(_get(message, key))[0] for key in ("reasoning_content", "reasoning"))), "")


def _split_thinking(content: str) -> tuple[str, str, bool]:
    """The content without a leading `<think>` element, that element's text, and whether it never closed."""
    start = content.lstrip()
    if not start.startswith(_OPEN):
        return content, "", False
    inner, close, rest = start.removeprefix(_OPEN).partition(_CLOSE)
    return rest, inner.strip(), not close


def _without_leading_blank_lines(content: str) -> str:
    blank = content[: len(content) - len(content.lstrip())]
    return content[blank.rfind("\n") + 1 :]


def _tool_calls(calls: Any) -> Iterator[ToolCall]:
    for call in calls if isinstance(calls, list) else ():
        if isinstance(call, dict):
            function = call["function"] if isinstance(call.get("function"), dict) else call
            yield ToolCall(
                name=_text(function.get("name")),
                arguments=_arguments(function.get("arguments")),
                id=_text(call.get("id")),
            )


def _arguments(value: Any) -> str:
    """The arguments as text: what the model wrote, or the JSON of what the server made of it."""
    if value is None or value == "":
        return "{}"
    return printable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _number(value: Any) -> float | None:
    """A plausible count or duration, also written as text; None for everything else: unknown is not zero."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if 0 <= number < _LARGEST else None


def _count(value: Any) -> int | None:
    number = _number(value)
    return None if number is None or number != int(number) else int(number)


def _usage(usage: Any) -> Usage:
    return Usage(
        prompt_tokens=_count(_get(usage, "prompt_tokens")),
        completion_tokens=_count(_get(usage, "completion_tokens")),
        cached_tokens=_count(_get(_get(usage, "prompt_tokens_details"), "cached_tokens")),
        reasoning_tokens=_count(_get(_get(usage, "completion_tokens_details"), "reasoning_tokens")),
    )


def _timings(timings: Any, wall_ms: float) -> Timings:
    measured: dict[str, Any] = {name: _count(_get(timings, name)) for name in _COUNTS}
    measured.update({name: _number(_get(timings, name)) for name in _MILLISECONDS})
    by_server = any(value is not None for value in measured.values())
    return Timings(source="server" if by_server else "client", wall_ms=wall_ms, **measured)
