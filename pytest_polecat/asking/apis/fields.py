"""Reading JSON that may hold anything: every function here is total, and unknown is not zero."""

import json
from typing import Any

from pytest_polecat.asking.failures import printable
from pytest_polecat.records.reply import Timings

_OPEN, _CLOSE = "<think>", "</think>"
_LARGEST = 2**53
_COUNTS = ("prompt_n", "cache_n", "predicted_n", "draft_n", "draft_n_accepted")
_MILLISECONDS = ("prompt_ms", "predicted_ms")


def get(value: Any, key: str) -> Any:
    """What an object holds under a key; None if it is no object, or doesn't."""
    return value.get(key) if isinstance(value, dict) else None


def listed(value: Any) -> list[Any]:
    """A list as it is; empty for everything else."""
    return value if isinstance(value, list) else []


def text(value: Any) -> str:
    """A text as valid Unicode; empty for everything else."""
    return printable(value) if isinstance(value, str) else ""


def arguments(value: Any) -> str:
    """A tool call's arguments as text: what the model wrote, or the JSON of what the server made of it."""
    if value is None or value == "":
        return "{}"
    return printable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def number(value: Any) -> float | None:
    """A plausible count or duration, also written as text; None for everything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        read = float(value)
    except (ValueError, OverflowError):
        return None
    return read if 0 <= read < _LARGEST else None


def count(value: Any) -> int | None:
    """A plausible whole number."""
    read = number(value)
    return None if read is None or read != int(read) else int(read)


def timings(value: Any, wall_ms: float) -> Timings:
    """llama-server's `timings` object; without one, only the client's wall time is known."""
    measured: dict[str, Any] = {name: count(get(value, name)) for name in _COUNTS}
    measured.update({name: number(get(value, name)) for name in _MILLISECONDS})
    by_server = any(known is not None for known in measured.values())
    return Timings(source="server" if by_server else "client", wall_ms=wall_ms, **measured)


def split_thinking(content: str) -> tuple[str, str, bool]:
    """The content without a leading `<think>` element, that element's text, and whether it never closed."""
    start = content.lstrip()
    if not start.startswith(_OPEN):
        return content, "", False
    inner, close, rest = start.removeprefix(_OPEN).partition(_CLOSE)
    return rest, inner.strip(), not close


def without_leading_blank_lines(content: str) -> str:
    """The content from its first line that is not blank on."""
    blank = content[: len(content) - len(content.lstrip())]
    return content[blank.rfind("\n") + 1 :]
