"""Text that any encoder accepts."""

from typing import Any


def without_surrogates(value: Any) -> Any:
    r"""The same JSON-like value with lone surrogates in its strings written as `\udXXX`.

    A lone surrogate is no character: it can't be encoded as UTF-8, and models do produce them.
    """
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return value.encode("utf-8", "backslashreplace").decode()
        return value
    if isinstance(value, dict):
        return {without_surrogates(key): without_surrogates(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(without_surrogates(item) for item in value)
    return value
