"""What was said in an attempt: kept replies, read defensively, laid beside what the author wrote down."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from pytest_polecat.records.question import Answer, Question, Turn
from pytest_polecat.records.reply import Reply, Timings
from pytest_polecat.records.text import without_surrogates
from pytest_polecat.reporting.text import Clipped, clip
from pytest_polecat.rundir import RunDir, read_bytes

_PROMPT_LIMIT = 16 * 1024
_SMALL_LIMIT = 4 * 1024
_CALLS_SHOWN = 20

_encode = json.JSONEncoder(ensure_ascii=False).encode


@dataclass(frozen=True)
class Said:
    """One message: who says it, and what."""

    role: str
    text: Clipped


@dataclass(frozen=True)
class Spoken:
    """What an answer says: a model's, or a reference answer."""

    content: Clipped
    reasoning: Clipped
    calls: tuple[tuple[str, Clipped], ...]
    calls_left_out: int


@dataclass(frozen=True)
class Exchange:
    """One turn: what was sent, what came back (None: not kept), and the reference answer if there is one.

    `file` is the kept reply's path relative to the run, `sent` the request's fields other than its messages.
    """

    prompt: tuple[Said, ...] = ()
    system: Clipped | None = None
    answer: Spoken | None = None
    finish_reason: str = ""
    error: str = ""
    timings: tuple[str, ...] = ()
    sent: Clipped | None = None
    file: str = ""
    reference: Spoken | None = None


def exchanges(rundir: RunDir, keys: Iterable[str], limit: int) -> tuple[Exchange, ...]:
    """The turns of an attempt from its kept replies, texts clipped: content to `limit` characters."""
    return tuple(_exchange(rundir, key, limit) for key in keys)


def declared(question: Question, said: tuple[Exchange, ...], limit: int) -> tuple[Exchange, ...]:
    """The turns with their reference answers, and as the author wrote them where nothing was kept."""
    references: tuple[Answer, ...] = question.reference.turns if question.reference else ()
    turns = []
    for index, turn in enumerate(question.conversation):
        exchange = said[index] if index < len(said) else Exchange()
        if not exchange.prompt:
            exchange = replace(exchange, prompt=tuple(_told(turn)))
        if index == 0 and exchange.system is None and question.system and exchange.sent is None:
            exchange = replace(exchange, system=clip(question.system, _SMALL_LIMIT))
        if index < len(references):
            answer = references[index]
            exchange = replace(exchange, reference=_spoken(answer, min(limit, _SMALL_LIMIT)))
        turns.append(exchange)
    return (*turns, *said[len(turns) :])


def _told(turn: Turn) -> Iterator[Said]:
    if turn.prompt is not None:
        yield Said("user", clip(turn.prompt, _PROMPT_LIMIT))
    yield from (Said("tool", clip(result.content, _PROMPT_LIMIT)) for result in turn.tool_results)


def _exchange(rundir: RunDir, key: str, limit: int) -> Exchange:
    file = f"replies/{key}.json"
    kept = _read(rundir, key)
    request = kept.get("request")
    sent = _request(request) if isinstance(request, dict) else {}
    try:
        reply = Reply.model_validate(kept["reply"])
    except (KeyError, ValidationError):
        return Exchange(file=file, **sent)
    return Exchange(
        file=file,
        answer=_spoken(reply, limit),
        finish_reason=reply.finish_reason or "",
        error=reply.error.message if reply.error else "",
        timings=_timings(reply),
        **sent,
    )


def _read(rundir: RunDir, key: str) -> dict[str, Any]:
    """The kept reply without what came over the wire; empty if there is none, or none that can be read."""
    if "/" in key or key.startswith("."):
        return {}
    try:
        data = read_bytes(rundir.reply_file(key))
        kept = json.loads(data)
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(kept, dict):
        return {}
    parts = {part: kept[part] for part in ("request", "reply") if part in kept}
    return parts if data.isascii() and b"\\ud" not in data else without_surrogates(parts)


def _request(request: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an exchange that tell what was asked."""
    messages = [message for message in _list(request.get("messages")) if isinstance(message, dict)]
    said = [
        Said(str(message.get("role", "?")), clip(_text(message.get("content")), _PROMPT_LIMIT)) for message in messages
    ]
    # The turns before this one are shown where they were said: only what follows the model's last answer is new.
    answered = max((index for index, one in enumerate(said) if one.role == "assistant"), default=-1)
    system = [one.text for one in said if one.role in ("system", "developer")]
    sent = {name: value for name, value in request.items() if name != "messages" and value not in (None, [], {}, ())}
    return {
        "prompt": tuple(one for one in said[answered + 1 :] if one.role not in ("system", "developer")),
        "system": system[0] if system else None,
        "sent": clip(_encode(sent), _SMALL_LIMIT),
    }


def _list(value: object) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []


def _text(content: object) -> str:
    """A message's content as text; of an image or another part, what kind it is and how long."""
    if isinstance(content, str):
        return content
    parts = []
    for part in _list(content):
        if isinstance(part, dict) and isinstance(part.get("text"), str):
            parts.append(part["text"])
        elif isinstance(part, dict):
            parts.append(f"[{part.get('type', 'part')}, {len(json.dumps(part))} characters]")
    return "\n".join(parts)


def _spoken(answer: Reply | Answer, limit: int) -> Spoken:
    calls = answer.tool_calls
    return Spoken(
        content=clip(answer.content, limit),
        reasoning=clip(answer.reasoning, _SMALL_LIMIT),
        calls=tuple((call.name[:200], clip(call.arguments, _SMALL_LIMIT)) for call in calls[:_CALLS_SHOWN]),
        calls_left_out=max(0, len(calls) - _CALLS_SHOWN),
    )


def _timings(reply: Reply) -> tuple[str, ...]:
    """The raw counts and milliseconds as they were measured; rates are not derived here."""
    facts: list[tuple[str, object]] = [
        ("prompt tokens", reply.usage.prompt_tokens),
        ("completion tokens", reply.usage.completion_tokens),
        ("cached tokens", reply.usage.cached_tokens),
        ("reasoning tokens", reply.usage.reasoning_tokens),
    ]
    if reply.timings is not None:
        facts += _measured(reply.timings)
    return tuple(f"{label}: {value}" for label, value in facts if value is not None)


def _measured(timings: Timings) -> list[tuple[str, object]]:
    drafted = None if timings.draft_n is None else f"{timings.draft_n_accepted or 0} of {timings.draft_n} accepted"
    return [
        ("wall time", _ms(timings.wall_ms)),
        ("prompt", _phase(timings.prompt_n, timings.prompt_ms)),
        ("generation", _phase(timings.predicted_n, timings.predicted_ms)),
        ("reused from cache", None if timings.cache_n is None else f"{timings.cache_n} tokens"),
        ("drafted", drafted),
        ("measured by", timings.source),
    ]


def _phase(tokens: int | None, ms: float | None) -> str | None:
    if tokens is None and ms is None:
        return None
    return f"{'?' if tokens is None else tokens} tokens in {'?' if ms is None else _ms(ms)}"


def _ms(ms: float) -> str:
    return f"{ms:,.0f} ms"
