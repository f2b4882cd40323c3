"""Text that any encoder accepts."""

import hashlib
import re
from typing import Any

_SURROGATES = re.compile("[\ud800-\udfff]")


def without_surrogates(value: Any) -> Any:
    """The same JSON-like data with every lone surrogate in its strings replaced by U+FFFD.

    A lone surrogate is no character: it can't be encoded as UTF-8, and models do produce them.
    """
    if isinstance(value, str):
        return _SURROGATES.sub("\ufffd", value)
    if isinstance(value, dict):
        return {without_surrogates(key): without_surrogates(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(without_surrogates(item) for item in value)
    return value


def template_hash(template: str) -> str:
    """What tells chat templates apart: 16 hex digits of SHA-256. A server drops the newline at a template's end."""
    return hashlib.sha256(template.rstrip("\n").encode()).hexdigest()[:16]
