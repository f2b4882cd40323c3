"""A request as Anthropic's messages API wants it.

What the API has no field for is left out: the seed, the chat template's variables, and what `unsupported` names.
Reasoning of earlier turns is left out too: the API takes back only thinking that it signed itself.
"""

import json
from collections.abc import Iterable
from typing import Any

from pydantic import JsonValue

from pytest_polecat.records.reply import Message
from pytest_polecat.records.request import Request, Sampling

DEFAULT_MAX_TOKENS = 4096
"""The API wants `max_tokens` in every request; this is sent where neither question, suite nor profile sets any."""

DEFAULT_THINKING_BUDGET = 4096
"""Thinking tokens where reasoning is on without a number: the API wants one."""

_NEUTRAL = {"min_p": 0, "presence_penalty": 0, "frequency_penalty": 0, "repeat_penalty": 1}
"""Sampling parameters that the API lacks, with the value at which they do nothing."""

_FOR_LLAMA_SERVER = ("cache_prompt",)
"""Fields that polecat itself adds to `sampling.extra` for llama-server."""

_LEAST_TOP_P_OF_THINKING = 0.95
_CHOICES = {"auto": "auto", "none": "none", "required": "any"}
_SYSTEM = ("system", "developer")


def unsupported(sampling: Sampling) -> tuple[str, ...]:
    """The sampling parameters that are set, would change the answer, and can't be sent to this API."""
    return tuple(name for name, neutral in _NEUTRAL.items() if getattr(sampling, name) not in (None, neutral))


def body(request: Request, model: str | None, stream: bool) -> dict[str, JsonValue]:
    """The JSON body for `/v1/messages`. `sampling.extra` goes in as it is, over what is said here.

    `max_tokens` means the visible answer: a budget for thinking comes on top. While the model thinks, the API takes
    neither `temperature` nor `top_k`, and `top_p` from 0.95 on only: they are left out then.
    """
    sampling = request.sampling
    thinking = sampling.extra.get("thinking") or _thinking(request)
    budget = thinking.get("budget_tokens") if isinstance(thinking, dict) else None
    room = budget if isinstance(budget, int) else 0
    sent: dict[str, JsonValue] = {
        "model": model,
        "max_tokens": (sampling.max_tokens or DEFAULT_MAX_TOKENS) + room,
        "system": "\n\n".join(_plain(message) for message in request.messages if message.get("role") in _SYSTEM)
        or None,
        "messages": _turns(request.messages),
        "thinking": thinking,
        "stop_sequences": list(sampling.stop) if sampling.stop else None,
        "tools": [_tool(tool) for tool in request.tools] or None,
        "tool_choice": _tool_choice(request.tool_choice) if request.tools else None,
        "stream": stream or None,
        **_sampled(sampling, thinking),
        **{key: value for key, value in sampling.extra.items() if key not in _FOR_LLAMA_SERVER},
    }
    if schema := _schema(request):
        own = sent.get("output_config")
        form: JsonValue = {"type": "json_schema", "schema": schema}
        sent["output_config"] = {**(own if isinstance(own, dict) else {}), "format": form}
    return {key: value for key, value in sent.items() if value is not None}


def _thinking(request: Request) -> dict[str, JsonValue] | None:
    """The API's own switch; None leaves the model its default."""
    enabled = request.chat_template_kwargs.get("enable_thinking")
    budget = request.thinking_budget_tokens
    if enabled is False or budget == 0:
        return {"type": "disabled"}
    if enabled or budget:
        return {"type": "enabled", "budget_tokens": budget or DEFAULT_THINKING_BUDGET}
    return None


def _sampled(sampling: Sampling, thinking: JsonValue) -> dict[str, JsonValue]:
    if not isinstance(thinking, dict) or thinking.get("type") == "disabled":
        return {"temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": sampling.top_k}
    allowed = sampling.top_p is not None and sampling.top_p >= _LEAST_TOP_P_OF_THINKING
    return {"top_p": sampling.top_p if allowed else None}


def _schema(request: Request) -> JsonValue:
    """The JSON Schema that the answer is to be constrained by; None if there is none."""
    form = request.response_format or {}
    wrapper = form.get("json_schema") if form.get("type") == "json_schema" else None
    return wrapper.get("schema") if isinstance(wrapper, dict) else None


def _turns(messages: Iterable[Message]) -> list[JsonValue]:
    """User and assistant by turns: neighbours of one role become one turn, and a tool's result is the user's.

    A message that says nothing is left out, because the API refuses empty text.
    """
    turns: list[tuple[str, list[JsonValue]]] = []
    for message in messages:
        if message.get("role") in _SYSTEM:
            continue
        role = "assistant" if message.get("role") == "assistant" else "user"
        blocks = _blocks(message)
        if blocks and turns and turns[-1][0] == role:
            turns[-1][1].extend(blocks)
        elif blocks:
            turns.append((role, blocks))
    return [{"role": role, "content": blocks} for role, blocks in turns]


def _blocks(message: Message) -> list[JsonValue]:
    if message.get("role") == "tool":
        result: JsonValue = {
            "type": "tool_result",
            "tool_use_id": message.get("tool_call_id"),
            "content": _parts(message),
        }
        return [result]
    calls = message.get("tool_calls")
    return [*_parts(message), *(_tool_use(call) for call in (calls if isinstance(calls, list) else ()))]


def _parts(message: Message) -> list[JsonValue]:
    """The content as blocks; a kind that has no counterpart goes as it is, for the server to judge."""
    content = message.get("content")
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    parts = content if isinstance(content, list) else []
    return [_part(part) for part in parts if not _is_blank(part)]


def _is_blank(part: JsonValue) -> bool:
    return isinstance(part, dict) and part.get("type") == "text" and not str(part.get("text") or "").strip()


def _part(part: JsonValue) -> JsonValue:
    if not isinstance(part, dict) or part.get("type") != "image_url":
        return part
    image = part.get("image_url")
    url = str(image.get("url") if isinstance(image, dict) else image)
    scheme, _, rest = url.partition(":")
    media_type, is_base64, data = rest.partition(";base64,")
    if scheme.lower() == "data" and is_base64:
        return {"type": "image", "source": {"type": "base64", "media_type": media_type, "data": data}}
    return {"type": "image", "source": {"type": "url", "url": url}}


def _plain(message: Message) -> str:
    return "".join(str(part.get("text") or "") for part in _parts(message) if isinstance(part, dict))


def _tool_use(call: JsonValue) -> JsonValue:
    """A call of an earlier turn. The API takes objects alone as `input`, but what the model wrote may be none.

    It is wrapped then, as the API's documentation has it for answers about invalid JSON: nothing that the model said
    is lost, and an empty object would say that it called without arguments.
    (https://platform.claude.com/docs/en/agents-and-tools/tool-use/fine-grained-tool-streaming)
    """
    fields: dict[str, Any] = call if isinstance(call, dict) else {}
    function: dict[str, Any] = fields.get("function") or {}
    written = str(function.get("arguments") or "{}")
    try:
        read = json.loads(written)
    except (ValueError, RecursionError):
        read = None
    arguments = read if isinstance(read, dict) else {"INVALID_JSON": written}
    return {"type": "tool_use", "id": fields.get("id"), "name": function.get("name"), "input": arguments}


def _tool(tool: dict[str, JsonValue]) -> JsonValue:
    """A function in the API's form; a tool of the API's own goes as it is."""
    function = tool.get("function")
    if not isinstance(function, dict):
        return tool
    schema = function.get("parameters") or {"type": "object", "properties": {}}
    kept = {key: function[key] for key in ("name", "description", "strict") if function.get(key) is not None}
    return {**kept, "input_schema": schema}


def _tool_choice(choice: JsonValue) -> JsonValue:
    if isinstance(choice, str):
        return {"type": _CHOICES.get(choice, choice)}
    function = choice.get("function") if isinstance(choice, dict) else None
    return {"type": "tool", "name": function.get("name")} if isinstance(function, dict) else choice
