"""What an error from an OpenAI-compatible server means: whose doing it is, in one sentence.

The model's doing is only what the model (or the length of the question) caused: a context that does not hold the
conversation. A request that the server won't take is the suite's or the profile's mistake, the rest is the machine's.
"""

import re
from typing import Any

from pydantic import JsonValue

from pytest_polecat.records.outcome import FailureMode
from pytest_polecat.records.reply import AskError

_OVERFLOW = re.compile(
    r"exceed_context_size_error|context_length_exceeded|context size has been exceeded|maximum context length",
    re.IGNORECASE,
)
"""llama-server's two errors, the code of OpenAI's API and the words of vLLM."""

_REFUSES_KEY = (401, 403)
_TRANSIENT = (408, 425, 429)
_UNPAID = 402
_UNKNOWN = 404


def refusal(status: int, body: JsonValue) -> AskError:
    """The error that the server answered with HTTP `status` and this `body` (parsed JSON, or text)."""
    detail = _detail(body)
    if overflow := _overflow(body, detail):
        return AskError(mode=FailureMode.CONTEXT_OVERFLOW, message=overflow, status=status)
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
    """The error that stands in a body or chunk of an answer with HTTP status 200, by its `code` (500 without one)."""
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
    code = error.get("code") if isinstance(error, dict) else None
    if isinstance(code, str) and re.fullmatch("[45][0-9][0-9]", code):
        return int(code)
    return code if isinstance(code, int) and 400 <= code < 600 else 500


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
