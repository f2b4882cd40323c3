"""The commands and flags of a llama-server that other programs start."""

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePath

from pytest_polecat.asking.commands import Written, program_at, taken_apart, variables
from pytest_polecat.asking.presets import flags

_NUMBER = re.compile(r"-\.?[0-9].*")
_ELSEWHERE = re.compile(
    r"docker|podman|nerdctl|apptainer|singularity|distrobox|toolbox|flatpak|wsl(\.exe)?|ssh"
    r"|(ba|da|z|fi)?sh|cmd(\.exe)?|python[0-9.]*|uvx?|vllm"
)
"""Programs whose words are not a command that runs here as it stands."""


def recognized(words: Sequence[str]) -> Written | None:
    """The command of these words if it starts a llama-server on this machine, else None."""
    _, rest = variables(words)
    found = program_at(rest)
    if found is None or any(_ELSEWHERE.fullmatch(PurePath(word).name) for word in rest[:found]):
        return None
    return taken_apart(words)


def arguments(words: Sequence[str]) -> Iterator[tuple[str, str | bool]]:
    """Each flag by its name, with its value, or whether it is on. ValueError, with the mend, for a stray word."""
    rest = list(words)
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
