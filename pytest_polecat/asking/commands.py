"""A llama-server command line as its author uses it, taken apart.

Before the program there may stand variables and a wrapper: `GGML_CUDA_NO_PINNED=1 numactl --interleave=all llama-server
-m …`. Lines may end with a backslash.
"""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import PurePath

from pytest_polecat.records.profile import Profile

_ASSIGNMENT = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)=(?P<value>.*)", re.DOTALL)
_PROGRAM = re.compile(r"llama-server([-_.].*)?")
_UMBRELLA = re.compile(r"llama(\.exe)?")
_OLD_PATH = re.compile(r".*/server(\.exe)?")
_SERVES = ("serve", "server")
_SLOTS = ("-np", "--parallel")


@dataclass(frozen=True)
class Written:
    """What a command says: variables, the words before the program, the program, and its flags.

    `subcommand` is the `serve` of llama.cpp's newer program of all tools.
    """

    env: Mapping[str, str] = field(default_factory=dict)
    wrapper: tuple[str, ...] = ()
    program: str | None = None
    subcommand: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


def split_words(command: str) -> list[str]:
    """The words of a command line of several lines. Raises `ValueError`, with the mend, for open quotes."""
    try:
        return shlex.split(re.sub(r"\\[ \t]*\r?\n", " ", command))
    except ValueError as error:
        raise ValueError(f"not a command line: {str(error).lower()}; close the quotes") from None


def words_shown(command: str | None) -> list[str]:
    """The words of a command, for whatever only shows or compares them: with open quotes it is one word."""
    try:
        return split_words(command or "")
    except ValueError:
        return [command or ""]


def written(profile: Profile) -> Written:
    """The profile's command taken apart; nothing for a profile without one. Raises `ValueError` for open quotes."""
    return taken_apart(split_words(profile.command or ""))


def taken_apart(words: Sequence[str]) -> Written:
    """The parts of a command of which it is known that it starts a llama-server, under whatever name."""
    env, rest = variables(words)
    # A program under a name of its own stands first: nothing else could tell it from a wrapper.
    at = program_at(rest) or 0
    flags = rest[at + 1 :]
    subcommand = flags[:1] if flags and flags[0] in _SERVES else []
    program = rest[at] if rest else None
    return Written(env, tuple(rest[:at]), program, tuple(subcommand), tuple(flags[len(subcommand) :]))


def variables(words: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """The variables that stand first, after an `env` or without, and the words after them."""
    rest = list(words)
    if len(rest) > 1 and PurePath(rest[0]).name == "env" and _ASSIGNMENT.fullmatch(rest[1]):
        rest = rest[1:]
    env = {}
    while rest and (found := _ASSIGNMENT.fullmatch(rest[0])):
        env[found["name"]] = found["value"]
        rest = rest[1:]
    return env, rest


def program_at(words: Sequence[str]) -> int | None:
    """Where a llama-server under one of its usual names stands, None if none does."""
    for number, (word, after) in enumerate(pairwise([*words, ""])):
        name = PurePath(word).name
        if _PROGRAM.fullmatch(name) or _OLD_PATH.fullmatch(word):
            return number
        if _UMBRELLA.fullmatch(name) and after in _SERVES:
            return number
    return None


def slots_asked(profile: Profile) -> int | None:
    """The slots that the profile's command asks for (`-np N`); None where it leaves them open."""
    given = (value for flag, value in pairwise(written(profile).words) if flag in _SLOTS)
    return next((int(value) for value in given if value.isdecimal() and int(value) > 0), None)
