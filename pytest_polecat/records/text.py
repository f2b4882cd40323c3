"""Text that any encoder accepts, and a few things said the same way everywhere."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

_SURROGATES = re.compile("[\ud800-\udfff]")


def without_surrogates(value: Any) -> Any:
    """The same JSON-like data with every lone surrogate in its strings replaced by U+FFFD.

    A lone surrogate is no character: it can't be encoded as UTF-8, and models do produce them.
    """
    if isinstance(value, str):
        return value if value.isascii() else _SURROGATES.sub("\ufffd", value)
    if isinstance(value, dict):
        return {without_surrogates(key): without_surrogates(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(without_surrogates(item) for item in value)
    return value


def template_hash(template: str) -> str:
    """What tells chat templates apart: 16 hex digits of SHA-256. A server drops the newline at a template's end."""
    return hashlib.sha256(template.rstrip("\n").encode()).hexdigest()[:16]


def layers_shown(layers: Iterable[int]) -> str:
    """Layers for a person: `0–9, 36–39`; empty for none."""
    runs = groupby(enumerate(sorted(set(layers))), lambda numbered: numbered[1] - numbered[0])
    return ", ".join(_run_shown([layer for _, layer in run]) for _, run in runs)


def _run_shown(run: Sequence[int]) -> str:
    return f"{run[0]}–{run[-1]}" if len(run) > 1 else str(run[0])
