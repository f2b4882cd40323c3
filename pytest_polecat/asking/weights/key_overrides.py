"""Faults in `--override-kv` that llama.cpp either stops at or, worse, passes over in silence."""

import difflib
import re
from collections.abc import Iterator, Mapping

from pytest_polecat.asking.weights.gguf import Header

_KEY_AT_MOST = 127
_TEXT_AT_MOST = 127
_NUMBERS = {"int": re.compile(r"[+-]?\d+"), "float": re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")}
_SHARED = ("general.", "tokenizer.")
_KINDS: Mapping[type, str] = {bool: "bool", int: "int", float: "float", str: "str"}


def override_kv_problems(value: str, header: Header | None) -> tuple[str, ...]:
    """What is wrong with the values of `--override-kv`, `KEY=TYPE:VALUE[,KEY=TYPE:VALUE…]`; empty if nothing.

    `header` is the weights' (None: not known). A model looks for keys of its own architecture alone; an override of
    another key, or of another type than the weights have, changes nothing, and of two for one key the first counts.
    The grammar is that of `string_parse_kv_override` (common/common.cpp).
    """
    problems: list[str] = []
    seen: set[str] = set()
    for item in _items(value):
        key = item.partition("=")[0]
        if key in seen:
            problems.append(f"{key!r} stands twice, and only the first counts; keep one")
        seen.add(key)
        problems += _problems(item, header)
    return tuple(problems)


def overridden(value: str, key: str) -> int | None:
    """The whole number that the values of `--override-kv` give to a key, None if they don't."""
    for item in _items(value):
        name, _, typed = item.partition("=")
        kind, _, number = typed.partition(":")
        if name == key and kind == "int" and _NUMBERS["int"].fullmatch(number):
            return int(number)
    return None


def _problems(item: str, header: Header | None) -> Iterator[str]:
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
    if header and header.architecture:
        yield from _idle(key, kind, header)


def _idle(key: str, kind: str, header: Header) -> Iterator[str]:
    """Why an override would change nothing."""
    architecture = header.architecture
    prefix, _, rest = key.partition(".")
    if not key.startswith((*_SHARED, f"{architecture}.")):
        yield (
            f"{key!r} changes nothing: these weights are of architecture {architecture!r}; "
            f"write {architecture}.{rest or prefix}"
        )
        return
    known = _KINDS.get(type(header.metadata.get(key)))
    if known and known != kind:
        yield f"{key!r} is of type {known} in these weights, so that {kind} changes nothing; write {known}:"
    near = difflib.get_close_matches(key, header.metadata, n=1, cutoff=0.9)
    if known is None and key not in header.metadata and near:
        yield f"the weights have no key {key!r}; did you mean {near[0]}?"


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
