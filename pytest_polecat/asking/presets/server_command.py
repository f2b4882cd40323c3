"""A command line that starts llama-server, taken apart: variables, what stands before the program, and its flags."""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from pytest_polecat.asking.presets import flags

_ASSIGNMENT = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)=(?P<value>.*)", re.DOTALL)
_PROGRAM = re.compile(r"llama-server([-_.].*)?")
_UMBRELLA = re.compile(r"llama(\.exe)?")
_SERVES = ("serve", "server")
_NUMBER = re.compile(r"-\.?[0-9].*")
_ELSEWHERE = re.compile(
    r"docker|podman|nerdctl|apptainer|singularity|distrobox|toolbox|flatpak|wsl(\.exe)?|ssh"
    r"|(ba|da|z|fi)?sh|cmd(\.exe)?|python[0-9.]*|uvx?|vllm"
)
"""Programs whose words are not a command that runs here as it stands."""


@dataclass(frozen=True)
class ServerCommand:
    """`env wrapper program words`; the program of llama.cpp's newer umbrella keeps its `serve` among the words."""

    env: Mapping[str, str]
    wrapper: tuple[str, ...]
    program: str
    words: tuple[str, ...]


def split(command: str) -> ServerCommand:
    """A command of which it is known that it starts a llama-server, under whatever name.

    ValueError, with the mend, for one that is empty or whose quotes are open.
    """
    words = split_words(command)
    env, rest = _variables(words)
    found = _program(rest)
    if found is None:
        if not rest:
            raise ValueError("names no program; write a llama-server command line")
        found = 0
    return ServerCommand(env, tuple(rest[:found]), rest[found], tuple(rest[found + 1 :]))


def recognized(words: Sequence[str]) -> ServerCommand | None:
    """The command of these words if it starts a llama-server on this machine, else None."""
    env, rest = _variables(words)
    found = _program(rest)
    if found is None or any(_ELSEWHERE.fullmatch(PurePath(word).name) for word in rest[:found]):
        return None
    return ServerCommand(env, tuple(rest[:found]), rest[found], tuple(rest[found + 1 :]))


def split_words(command: str) -> list[str]:
    """The words of a command line of several lines, each of which may end in a backslash. ValueError: open quotes."""
    try:
        return shlex.split(re.sub(r"\\[ \t]*\r?\n", " ", command))
    except ValueError as error:
        raise ValueError(f"not a command line: {str(error).lower()}; close the quotes") from None


def arguments(words: Sequence[str]) -> Iterator[tuple[str, str | bool]]:
    """Each flag by its name, with its value, or whether it is on. ValueError, with the mend, for a stray word."""
    rest = list(words[1:] if words and words[0] in _SERVES else words)
    while rest:
        word = rest.pop(0)
        if not _is_flag(word):
            raise ValueError("a word belongs to no flag; drop it, or write its flag before it")
        key, equals, after = word.lstrip("-").partition("=")
        name, negation = flags.named(key.replace("_", "-"))
        if equals:
            yield name, after
        elif name in flags.SWITCHES:
            yield name, not negation
        elif rest and not _is_flag(rest[0]):
            yield name, rest.pop(0)
        else:
            yield name, "on" if name in flags.ON_OFF else True


def without(words: Sequence[str], unwanted: frozenset[str]) -> Iterator[tuple[str, ...]]:
    """The flags of a command line with the words that belong to each, less those with an unwanted name."""
    group: list[str] = []
    for word in [*words, "-"]:
        starts = word == "-" or _is_flag(word)
        if not starts:
            group.append(word)
            continue
        if group and name_of(group[0]) not in unwanted:
            yield tuple(group)
        group = [word]


def name_of(word: str) -> str:
    """The name of a flag as it stands on a command line."""
    return flags.named(word.lstrip("-").partition("=")[0].replace("_", "-"))[0]


def _is_flag(word: str) -> bool:
    return word.startswith("-") and len(word) > 1 and not _NUMBER.fullmatch(word)


def _variables(words: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    rest = list(words)
    if len(rest) > 1 and PurePath(rest[0]).name == "env" and _ASSIGNMENT.fullmatch(rest[1]):
        rest = rest[1:]
    env = {}
    while rest and (found := _ASSIGNMENT.fullmatch(rest[0])):
        env[found["name"]] = found["value"]
        rest = rest[1:]
    return env, rest


def _program(words: Sequence[str]) -> int | None:
    for number, word in enumerate(words):
        name = PurePath(word).name
        serves = number + 1 < len(words) and words[number + 1] in _SERVES
        if _PROGRAM.fullmatch(name) or (serves and _UMBRELLA.fullmatch(name)):
            return number
    return None
