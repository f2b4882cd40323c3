"""What a model returned for one request."""

import json
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, JsonValue

from pytest_polecat.records.base import Record, StoredRecord
from pytest_polecat.records.outcome import FailureMode


def _as_text(value: object) -> object:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value


JsonText = Annotated[str, BeforeValidator(_as_text, json_schema_input_type=str | dict[str, Any] | list[Any])]
"""A text; an author may write an object or a list instead, and means its JSON."""


class ToolCall(Record):
    """One function that the model wants called.

    `arguments` is the text that the model wrote (it may not be valid JSON); `id` is the server's.
    """

    name: str
    arguments: JsonText = "{}"
    id: str = ""


class Usage(StoredRecord):
    """Token counts as the server reported them; None where it said nothing."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


class Timings(StoredRecord):
    """Raw counts and milliseconds of one request. Rates are derived elsewhere, by one documented rule.

    `source` says who measured: the `server` (its `timings` object) or our `client` (wall time only).
    `wall_ms` is always the client's: from sending the request to having the whole answer.
    """

    source: Literal["server", "client"]
    wall_ms: float
    prompt_n: int | None = None
    prompt_ms: float | None = None
    cache_n: int | None = None
    predicted_n: int | None = None
    predicted_ms: float | None = None
    draft_n: int | None = None
    draft_n_accepted: int | None = None


class AskError(StoredRecord):
    """Why there is no usable reply: a failure mode, one sentence for people, and the HTTP status if any."""

    mode: FailureMode
    message: str
    status: int | None = None


class Reply(StoredRecord):
    """The answer to one request.

    `content` and `reasoning` are valid Unicode without lone surrogates (replaced by U+FFFD; the bytes as
    received are kept in the run). Blank lines before the content are dropped. `error` is set when the request
    failed; the reply then holds whatever had arrived.
    """

    content: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str | None = None
    usage: Usage = Usage()
    timings: Timings | None = None
    error: AskError | None = None
    model: str | None = None
    system_fingerprint: str | None = None
    unterminated_think: bool = Field(
        default=False, description="a <think> that never closed was cut from the content into the reasoning"
    )

    @property
    def truncated(self) -> bool:
        """Whether generation stopped at the token limit rather than at the model's own end."""
        return self.finish_reason == "length"

    @property
    def empty(self) -> bool:
        """Whether the model said nothing: no visible content and no tool call."""
        return not self.content.strip() and not self.tool_calls


Message = dict[str, JsonValue]
"""One chat message in the shape of the OpenAI API: `role`, `content`, and what else the role needs."""
