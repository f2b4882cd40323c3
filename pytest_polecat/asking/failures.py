"""What an error from a model server means: whose doing it is, in one sentence.

The model's doing is only what the model (or the length of the question) caused: a context that does not hold the
conversation, or an answer that was withheld for what it says. A request that the server won't take is the suite's or
the profile's mistake, the rest is the machine's.
"""

import re
from typing import Any

from pydantic import JsonValue

from pytest_polecat.records.outcome import FailureMode
from pytest_polecat.records.reply import AskError

_OVERFLOW = re.compile(
    r"exceed_context_size_error|context_length_exceeded|context size has been exceeded|maximum context length"
    r"|prompt is too long|exceed context limit",
    re.IGNORECASE,
)
"""llama-server's two errors, the code of OpenAI's API, the words of vLLM and the two sentences of Anthropic's API."""

_WITHHELD = re.compile(r"blocked by content filtering policy", re.IGNORECASE)
"""Anthropic's API, with HTTP 400, about an answer that it would not hand out."""

_REFUSES_KEY = (401, 403)
_TRANSIENT = (408, 425, 429)
_UNPAID = 402
_UNKNOWN = 404

_STATUS = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "timeout_error": 504,
    "overloaded_error": 529,
}
"""The HTTP status that a type of error has, for those that come after a stream began and can't show it.

Source: https://platform.claude.com/docs/en/api/errors; OpenAI's API has the same names for the first ones.
"""


def refusal(status: int, body: JsonValue) -> AskError:
    """The error that the server answered with HTTP `status` and this `body` (parsed JSON, or text)."""
    detail = _detail(body)
    if overflow := _overflow(body, detail):
        return AskError(mode=FailureMode.CONTEXT_OVERFLOW, message=overflow, status=status)
    if _WITHHELD.search(detail):
        return AskError(mode=FailureMode.REFUSAL, message=f"the server withheld the answer: {detail}", status=status)
    if status in _REFUSES_KEY:
        message = "the server refused the API key, or wants one: check the variable that the profile's `key_env` names"
        return AskError(mode=FailureMode.CONNECTION, message=f"{message} (HTTP {status})", status=status)
    if 300 <= status < 400:
        message = "the server sends us elsewhere: write the final address into the profile's `url`"
        return AskError(mode=FailureMode.CONNECTION, message=f"{message} (HTTP {status})", status=status)
    ours = 400 <= status < 500 and status not in (*_TRANSIENT, _UNPAID)
    mode = FailureMode.SUITE_ERROR if ours else FailureMode.CONNECTION
    verb = "refused the request" if ours else "could not answer"
    hint = " (check the profile's `url` and `model`)" if status == _UNKNOWN else ""
    return AskError(mode=mode, message=f"the server {verb} (HTTP {status}): {detail}{hint}", status=status)


def error_in(body: JsonValue) -> AskError | None:
    """The error that stands in a body or chunk of an answer with HTTP status 200, by its `code` or type (else 500)."""
    if not isinstance(body, dict) or not body.get("error"):
        return None
    return refusal(_code(body["error"]), body)


def unreadable(what: str, text: object) -> AskError:
    """The answer is no chat completion: `what` is wrong with it, and the beginning of it."""
    return AskError(mode=FailureMode.CONNECTION, message=f"{what}: {excerpt(text)}")


def excerpt(value: object, length: int = 200) -> str:
    """The beginning of a text, or of a value as it prints, on one line."""
    words = " ".join(printable(str(value)[: 4 * length]).split())
    return words if len(words) <= length else f"{words[:length]}…"


def printable(text: str) -> str:
    """The text as valid Unicode: halves of a surrogate pair are joined, each lone one becomes U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def _code(error: JsonValue) -> int:
    fields: dict[str, Any] = error if isinstance(error, dict) else {}
    code = fields.get("code")
    if isinstance(code, str) and re.fullmatch("[45][0-9][0-9]", code):
        return int(code)
    return code if isinstance(code, int) and 400 <= code < 600 else _STATUS.get(str(fields.get("type")), 500)


def _detail(body: JsonValue) -> str:
    """The server's own words, wherever this kind of server puts them."""
    error: Any = body
    if isinstance(body, dict):
        error = body.get("error") or body.get("detail") or body.get("message") or body
    if isinstance(error, dict):
        error = error.get("message") or error
    return excerpt(error) or "it gave no reason"


def _overflow(body: JsonValue, detail: str) -> str | None:
    error = body.get("error") if isinstance(body, dict) else None
    fields: dict[str, Any] = error if isinstance(error, dict) else {}
    if not any(_OVERFLOW.search(str(text)[:1000]) for text in (fields.get("type"), fields.get("code"), detail)):
        return None
    prompt, context = fields.get("n_prompt_tokens"), fields.get("n_ctx")
    if prompt is not None and context is not None:
        return f"the prompt has {excerpt(prompt, 20)} tokens, but the context holds {excerpt(context, 20)}"
    return f"the context is too small: {detail}"
