"""A profile's `command`: a llama-server command line as its author uses it, taken apart.

Before the program there may stand variables and a wrapper: `GGML_CUDA_NO_PINNED=1 numactl --interleave=all llama-server
-m …`. Lines may end with a backslash.
"""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from pytest_polecat.records.profile import Profile

_ASSIGNMENT = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)=(?P<value>.*)", re.DOTALL)
_SERVER = re.compile(r"(llama-server|llama|server)([-_.].*)?")
_COMMANDS = ("serve", "server")
_SLOTS = ("-np", "--parallel")


@dataclass(frozen=True)
class Written:
    """What a command says: variables, the words before the program, the program, and the words after it."""

    env: Mapping[str, str] = field(default_factory=dict)
    wrapper: tuple[str, ...] = ()
    program: str | None = None
    words: tuple[str, ...] = ()


def written(profile: Profile) -> Written:
    """The profile's command taken apart; nothing for a profile without one. Raises `ValueError` for open quotes."""
    rest = shlex.split((profile.command or "").replace("\\\n", " "))
    env: dict[str, str] = {}
    if rest[:1] == ["env"] and rest[1:] and _ASSIGNMENT.fullmatch(rest[1]):
        rest = rest[1:]
    while rest and (found := _ASSIGNMENT.fullmatch(rest[0])):
        env[found["name"]] = found["value"]
        rest = rest[1:]
    # A program under a name of its own stands first: nothing else could tell it from a wrapper.
    at = next((index for index, word in enumerate(rest) if _SERVER.fullmatch(Path(word).name)), 0)
    words = rest[at + 1 :]
    if words and words[0] in _COMMANDS:
        words = words[1:]
    return Written(env, tuple(rest[:at]), rest[at] if rest else None, tuple(words))


def slots_asked(profile: Profile) -> int | None:
    """The slots that the profile's command asks for (`-np N`); None where it leaves them open."""
    given = (value for flag, value in pairwise(written(profile).words) if flag in _SLOTS)
    return next((int(value) for value in given if value.isdecimal() and int(value) > 0), None)
