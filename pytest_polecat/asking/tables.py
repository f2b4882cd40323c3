"""TOML tables read with the place of every key, so that an error can say where it stands and what would mend it."""

import difflib
import json
import math
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pytest_polecat.errors import ProfileError

Key = tuple[str | int, ...]
"""Where a value stands: keys and indices from the root."""

Table = dict[str, Any]

_BARE = r"[A-Za-z0-9_-]+"
_PART = rf"""(?:{_BARE}|"(?:[^"\\]|\\.)*"|'[^']*')"""
_LINE = re.compile(rf"\s*(?P<header>\[\[?)?\s*(?P<key>{_PART}(?:\s*\.\s*{_PART})*)\s*(?(header)\]|=)")
_SYNTAX = re.compile(
    r"(?P<problem>.*?) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)", re.DOTALL
)
_MENDS = (
    ("Unescaped '\\'", r"write backslashes twice, or use single quotes: 'blk\.1'"),
    ("Expected ']'", 'close the bracket, and quote a name with dots or spaces: [profiles."qwen3.5"]'),
    ("Expected '='", "write key = value"),
    ("Cannot", "each key and each table stands once"),
    ("Unterminated", "close the quotes"),
    ("Expected '\"", "close the quotes"),
    ("Expected \"'", "close the quotes"),
)
_USUAL_MEND = "write key = value, with texts in quotes and true or false in lower case"
_LARGEST_INTEGER = 2**63 - 1
_DEEPEST = 8
"""How many parts of a key are told apart when its line is looked for."""


class Tables:
    """The tables of a TOML file, or of a mapping that stands for one: `name` is what errors call it."""

    def __init__(self, name: str, value: Mapping[str, Any], text: str = "") -> None:
        self.name = name
        self.value = value
        self._text = text

    @classmethod
    def read(cls, file: Path) -> "Tables":
        """The tables of a file; ProfileError if it can't be read or is not TOML."""
        name, text = shown(file), text_of(file)
        try:
            return cls(name, tomllib.loads(text), text)
        except RecursionError:
            raise ProfileError(f"{name}: nested too deeply; write it flatter") from None
        except ValueError as error:
            raise ProfileError(_syntax_error(name, text, str(error))) from None

    def error(self, key: Key, problem: str) -> ProfileError:
        """The error of a key, in one line: place, dotted key, problem."""
        line = self._line(key)
        where = f"{self.name}:{line}" if line else self.name
        return ProfileError(f"{where}: {dotted(key)}: {shown(problem, limit=1000)}")

    def plain(self, value: object, key: Key) -> Any:
        """A copy of a value made of JSON's types alone; ProfileError for a value that JSON doesn't have."""
        match value:
            case Mapping():
                return {str(name): self.plain(item, (*key, str(name))) for name, item in value.items()}
            case list() | tuple():
                return [self.plain(item, (*key, index)) for index, item in enumerate(value)]
        problem = _unfit(value)
        if problem:
            raise self.error(key, problem)
        return value

    def _line(self, key: Key) -> int | None:
        """The line of a key, or of the nearest thing around it, by a search of the text."""
        lines = _lines(self._text)
        while key:
            if key in lines:
                return lines[key]
            key = key[:-1]
        return None


def text_of(file: Path) -> str:
    """The text of a file that a person named; ProfileError if it can't be read."""
    name = shown(file)
    try:
        return file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ProfileError(f"{name}: not UTF-8 at byte {error.start}; save it as UTF-8") from None
    except FileNotFoundError:
        raise ProfileError(f"{name}: there is no such file; name another, or make it") from None
    except IsADirectoryError:
        raise ProfileError(f"{name}: this is a folder; name the file in it") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ProfileError(f"{name}: can't be read: {reason}; make it readable, or name another") from None


def shown(text: object, *, limit: int = 300) -> str:
    """A text as it may stand in a message: one printable line, not endless."""
    line = "".join(letter if letter.isprintable() else _escaped(letter) for letter in str(text))
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def dotted(key: Key) -> str:
    """A key as TOML writes it: `profiles."qwen3.5".args.ctx-size`, with indices as `[0]`."""
    written = ""
    for part in key:
        if isinstance(part, int):
            written += f"[{part}]"
        else:
            quoted = part if re.fullmatch(_BARE, part) else json.dumps(shown(part, limit=80), ensure_ascii=False)
            written += f".{quoted}" if written else quoted
    return written


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """Up to three known names that may have been meant: those that begin with it first, then those spelt alike."""
    by_lower = {other.lower(): other for other in known}
    begin = [other for lower, other in by_lower.items() if name and lower.startswith(name.lower())]
    alike = [by_lower[lower] for lower in difflib.get_close_matches(name.lower()[:100], by_lower, n=3, cutoff=0.6)]
    return list(dict.fromkeys(begin + alike))[:3]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`did you mean "parallel"?`, or nothing."""
    names = nearest(name, known)
    return f'did you mean "{names[0]}"?' if names else ""


def kind(value: object) -> str:
    """What a value is, in TOML's words; of a text no more than that, as it may be a secret."""
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return f"the number {value}"
        case str():
            return "a text"
        case list() | tuple():
            return "a list"
        case Mapping():
            return "a table"
    return f"a {type(value).__name__}"


def _lines(text: str) -> dict[Key, int]:
    lines: dict[Key, int] = {}
    header: Key = ()
    inside = None
    for number, line in enumerate(text.splitlines(), start=1):
        if inside:
            inside = None if inside in line else inside
            continue
        inside = next((quotes for quotes in ('"""', "'''") if line.count(quotes) % 2), None)
        found = _LINE.match(line)
        if not found:
            continue
        key = _parts(found["key"])
        header = key if found["header"] else header
        key = key if found["header"] else (*header, *key)
        for length in range(1, min(len(key), _DEEPEST) + 1):
            lines.setdefault(key[:length], number)
    return lines


def _parts(key: str) -> Key:
    try:
        value: Any = tomllib.loads(f"{key} = 0")
    except ValueError:
        return ()
    parts: list[str] = []
    while isinstance(value, dict):
        [(part, value)] = value.items()
        parts.append(part)
    return tuple(parts)


def _syntax_error(name: str, text: str, message: str) -> str:
    found = _SYNTAX.fullmatch(message)
    if not found:
        return f"{name}: not valid TOML: {shown(message)}; {_USUAL_MEND}"
    line = found["line"] or max(1, len(text.splitlines()))
    problem = shown(found["problem"])
    mend = next((mend for start, mend in _MENDS if problem.startswith(start)), _USUAL_MEND)
    column = f" (column {found['column']})" if found["column"] else ""
    return f"{name}:{line}: not valid TOML: {problem[0].lower()}{problem[1:]}{column}; {mend}"


def _unfit(value: object) -> str:
    match value:
        case bool() | None:
            return ""
        case str():
            return "holds a NUL character; take it out" if "\0" in value else ""
        case int():
            return "" if abs(value) <= _LARGEST_INTEGER else "a number beyond 64 bits; write a smaller one"
        case float():
            return "" if math.isfinite(value) else "not a finite number; write one"
    return f"a {type(value).__name__} is no value here; put it into quotes"


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape").decode()
