"""The user's own llama.cpp server program: where it is, which build it is, and which flags and devices it knows."""

import functools
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pytest_polecat.asking.launch.base import without_hidden_settings
from pytest_polecat.asking.launch.binary.flags import Flag, parse_help
from pytest_polecat.errors import ProfileError
from pytest_polecat.records.run import Device

OPTION = "--polecat-llama-server"
VARIABLE = "POLECAT_LLAMA_SERVER"

_NAMES = ("llama-server", "llama")
_USUAL = (*_NAMES, "server")
_UMBRELLA = "llama"
"""llama.cpp's newer program of all tools; the server is one of its commands."""

_ANSWER_SECONDS = 60
_VERSION = (
    re.compile(r"\(build (?P<number>\d+), commit (?P<commit>\S+?)\)"),
    re.compile(r"version: (?P<number>\d+) \((?P<commit>\S+?)\)"),
)
_DEVICE = re.compile(r"  (?P<name>\S+): (?P<description>.*) \((?P<total>\d+) MiB, (?P<free>\d+) MiB free\)")
_MIB = 2**20


@dataclass(frozen=True)
class Build:
    """One program: the words that run the server, its build, and its flags by spelling."""

    argv: tuple[str, ...]
    number: int | None
    commit: str | None
    flags: Mapping[str, Flag]

    @property
    def name(self) -> str:
        """`b11434-abc1234`, as the server itself calls its build; `of unknown version` where it doesn't tell."""
        return f"b{self.number}-{self.commit}" if self.number is not None else "of unknown version"

    def takes(self, flag: str) -> bool:
        """Whether the build knows this spelling."""
        return flag in self.flags and not self.flags[flag].removed


def find_program(named: str | None, wanted: str | None) -> Path:
    """The server program: `wanted` (the option) if given, else the path that the profile's command names, else the one
    that the environment names, else `llama-server` or `llama` on the PATH. Raises `ProfileError` where it looked.
    """
    if wanted:
        return _program(wanted, OPTION)
    if named and os.sep in named:
        return _program(named, "the profile's `command`")
    usual = named is None or named in _USUAL
    if usual and (given := os.environ.get(VARIABLE)):
        return _program(given, VARIABLE)
    own = (named,) if named else ()
    names = dict.fromkeys((*own, *_NAMES) if usual else own)
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        raise ProfileError(
            f"there is no {' or '.join(names)} on the PATH; install llama.cpp, or name its server by {OPTION}=FILE "
            f'or in {VARIABLE} (launcher = "embedded" needs none)'
        )
    return Path(found)


def probe(program: Path) -> Build:
    """Ask the program for its version and flags; once for each state of the file."""
    state = program.stat()
    return _probe(program, state.st_mtime_ns, state.st_size)


def devices(build: Build) -> tuple[Device, ...]:
    """The accelerators that this build would use, with the memory that is free now; none where it can't tell."""
    if not build.takes("--list-devices"):
        return ()
    try:
        told = _run((*build.argv, "--list-devices"))
    except ProfileError:
        return ()
    return tuple(
        Device(
            name=found["name"],
            description=found["description"],
            memory=int(found["total"]) * _MIB,
            free=int(found["free"]) * _MIB,
        )
        for line in told.splitlines()
        if (found := _DEVICE.match(line))
    )


@functools.cache
def _probe(program: Path, _changed: int, _size: int) -> Build:
    argv = (str(program), "serve") if program.name == _UMBRELLA else (str(program),)
    told = _run((str(program), "--version"))
    flags = parse_help(_run((*argv, "--help")))
    if "--model" not in flags:
        raise ProfileError(f"{program} is no llama.cpp server: its --help lists no --model; name another by {OPTION}")
    found = next(filter(None, (pattern.search(told) for pattern in _VERSION)), None)
    return Build(argv, int(found["number"]) if found else None, found["commit"] if found else None, flags)


def _program(given: str, by: str) -> Path:
    # As a text: a path object would drop the `./` before a name.
    found = shutil.which(os.path.expanduser(given))  # noqa: PTH111
    if found is None:
        raise ProfileError(f"{by} names {given}, which is no program that can be run; correct it")
    return Path(found).absolute()


def _run(argv: tuple[str, ...]) -> str:
    """What the program prints; some builds print to stderr what others print to stdout."""
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=without_hidden_settings(os.environ),
            timeout=_ANSWER_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ProfileError(f"{' '.join(argv)} failed: {error}; name another llama-server by {OPTION}") from error
    return done.stdout.decode(errors="replace")
