"""Faults in `--override-kv` that llama.cpp either stops at or, worse, passes over in silence."""

import re
from collections.abc import Iterator

_KEY_AT_MOST = 127
_TEXT_AT_MOST = 127
_NUMBERS = {"int": re.compile(r"[+-]?\d+"), "float": re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")}
_SHARED = ("general.", "tokenizer.")


def override_kv_problems(value: str, architecture: str | None) -> tuple[str, ...]:
    """What is wrong with one value of `--override-kv`, `KEY=TYPE:VALUE[,KEY=TYPE:VALUE…]`; empty if nothing.

    `architecture` is the weights' `general.architecture`: a model's own keys begin with it, and an override of any
    other is never looked at, so that the default stays. None if it is not known. The grammar is that of
    `string_parse_kv_override` (common/common.cpp).
    """
    return tuple(problem for item in _items(value) for problem in _problems(item, architecture))


def _problems(item: str, architecture: str | None) -> Iterator[str]:
    key, equals, typed = item.partition("=")
    kind, colon, value = typed.partition(":")
    if not (key and equals and colon):
        yield f"{item!r} is no override; write KEY=TYPE:VALUE with the type int, float, bool or str"
        return
    if len(key.encode()) > _KEY_AT_MOST:
        yield f"the key {key!r} is too long: it may have {_KEY_AT_MOST} bytes"
    fault = _value_fault(kind, value)
    if fault:
        yield f"{item!r}: {fault}"
    prefix, _, rest = key.partition(".")
    if architecture and not key.startswith((*_SHARED, f"{architecture}.")):
        yield (
            f"{key!r} changes nothing: these weights are of architecture {architecture!r}; "
            f"write {architecture}.{rest or prefix}"
        )


def _value_fault(kind: str, value: str) -> str:
    """What is wrong with a value, empty if nothing."""
    match kind:
        case "int" | "float":
            return (
                "" if _NUMBERS[kind].fullmatch(value) else f"{value!r} is no {kind}, and would be read as another one"
            )
        case "bool":
            return "" if value in ("true", "false") else f"{value!r} is no bool; write true or false"
        case "str":
            return (
                "" if len(value.encode()) <= _TEXT_AT_MOST else f"the text is too long: {_TEXT_AT_MOST} bytes at most"
            )
    return f"there is no type {kind!r}; write int, float, bool or str"


def _items(value: str) -> Iterator[str]:
    """The fields of a row of comma-separated values, as `parse_csv_row` (common/arg.cpp) cuts them."""
    field, quoted, at = "", False, 0
    while at < len(value):
        char, following = value[at], value[at + 1 : at + 2]
        if char == "," and not quoted:
            yield field
            field = ""
        elif char != '"' or (not quoted and field):
            field += char
        elif quoted and following == '"':
            field += char
            at += 1
        else:
            quoted = not quoted
        at += 1
    yield field
