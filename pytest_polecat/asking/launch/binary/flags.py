"""The flags that one build of llama-server knows, read from its own `--help`."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

_HEAD_WIDTH = 40
"""Columns of `--help` that hold flags; a head that needs more has its line for itself."""

_HEAD = re.compile(r"-{1,2}[A-Za-z]")
_REMOVED = "the argument has been removed"
_NUMBER = re.compile(r"-?[\d.]+(?:e-?\d+)?", re.IGNORECASE)
_ON_OFF = ("on", "off", "auto", "true", "false", "enabled", "disabled", "1", "0")
_FLASH = ("-fa", "--flash-attn")


class BadFlagError(ValueError):
    """A flag that the server doesn't know, or a word that is none; says what to write instead."""


@dataclass(frozen=True)
class Flag:
    """One flag: all its spellings (its negations too), the hint for its value, and what the help says of it."""

    spellings: tuple[str, ...]
    hint: str
    text: str

    @property
    def values(self) -> int:
        """How many words follow it."""
        return len(self.hint.split()) if self.hint.isupper() else int(bool(self.hint))

    @property
    def removed(self) -> bool:
        """Whether this build only knows it to refuse it."""
        return self.text.startswith(_REMOVED)


@dataclass(frozen=True)
class Argument:
    """A flag as it stands on a command line, with the words that belong to it."""

    flag: str
    values: tuple[str, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """The words of the command line."""
        return (self.flag, *self.values)


def parse_help(text: str) -> dict[str, Flag]:
    """The flags that `llama-server --help` lists, by each of their spellings."""
    flags: dict[str, Flag] = {}
    lines = text.splitlines()
    heads = [number for number, line in enumerate(lines) if _HEAD.match(line)]
    for number, following in zip(heads, [*heads, len(lines)][1:], strict=True):
        # What is not indented is the headline of the next section.
        below = takewhile(lambda line: line.startswith(" "), lines[number + 1 : following])
        flag = _flag(lines[number], list(below))
        flags.update(dict.fromkeys(flag.spellings, flag))
    return flags


def read_words(words: Sequence[str], flags: Mapping[str, Flag], legacy: Mapping[str, int]) -> list[Argument]:
    """The words of a command line as arguments. `legacy` tells how many values a flag takes that `flags` lacks.

    Raises `BadFlagError` for a flag that neither knows, for a word that belongs to no flag, and for a missing value.
    """
    arguments = []
    rest = list(words)
    while rest:
        flag = _spelt(rest.pop(0))
        count = _values(flag, flags, legacy)
        if flag in _FLASH:
            count = int(bool(rest) and rest[0] in _ON_OFF)
        if len(rest) < count:
            raise BadFlagError(f"{flag} has no value; write one after it, or drop it")
        arguments.append(Argument(flag, tuple(rest[:count])))
        del rest[:count]
    return arguments


def nearest_flags(flag: str, known: Iterable[str]) -> list[str]:
    """Up to three flags that may have been meant."""
    spelt = {other for other in known if len(other) > 3 or len(flag) <= 4}
    return difflib.get_close_matches(flag, sorted(spelt), n=3, cutoff=0.5)


def _flag(head: str, below: list[str]) -> Flag:
    description = [head[_HEAD_WIDTH:]] if head[_HEAD_WIDTH - 1 : _HEAD_WIDTH] in ("", " ") else []
    rest = head[:_HEAD_WIDTH].strip() if description else head.strip()
    spellings = []
    while found := re.match(r"(-[^\s,]+),?\s*", rest):
        spellings.append(found[1])
        rest = rest[found.end() :]
    text = " ".join(line.strip() for line in (*description, *below) if line.strip())
    return Flag(tuple(spellings), rest.strip(), text)


def _spelt(word: str) -> str:
    """The flag of a word as the server reads it: underscores count as dashes."""
    if not word.startswith("-") or _NUMBER.fullmatch(word) or word in ("-", "--"):
        raise BadFlagError(f"{word!r} belongs to no flag; drop it, or write the flag before it")
    name, equals, value = word.partition("=")
    return name.replace("_", "-") + equals + value if word.startswith("--") else word


def _values(flag: str, flags: Mapping[str, Flag], legacy: Mapping[str, int]) -> int:
    if flag in flags:
        return flags[flag].values
    if flag in legacy:
        return legacy[flag]
    name, equals, value = flag.partition("=")
    if equals and (name in flags or name in legacy):
        raise BadFlagError(f"{flag}: the server takes no `=`; write {name} {value}")
    near = " or ".join(nearest_flags(flag, (name for name, known in flags.items() if not known.removed)))
    raise BadFlagError(f"there is no flag {flag}" + (f"; nearest: {near}" if near else "; drop it"))
