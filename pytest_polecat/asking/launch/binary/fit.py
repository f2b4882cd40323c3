"""The memory that llama.cpp itself says a command line needs, by its `llama-fit-params`, without loading weights."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from pytest_polecat.asking.launch.binary.command_line import CommandLine
from pytest_polecat.asking.launch.binary.flags import parse_help
from pytest_polecat.errors import ProfileError

_NAME = "llama-fit-params"
_PRINT = "-fitp"
_SECONDS = 60
_LINE = re.compile(r"(?P<device>\S+) (?P<model>\d+) (?P<context>\d+) (?P<compute>\d+)\s*")
_HOST = "Host"
_MIB = 2**20


@dataclass(frozen=True)
class Fit:
    """Bytes by device, `Host` being the machine's own memory: weights, context and compute buffers."""

    needed: dict[str, int]

    @property
    def host(self) -> int:
        """What the machine's own memory must hold."""
        return self.needed.get(_HOST, 0)

    @property
    def device(self) -> int:
        """What all accelerators together must hold."""
        return sum(size for device, size in self.needed.items() if device != _HOST)


def fit_of(line: CommandLine, slots: int) -> Fit | None:
    """What the tool beside the server says; None where there is no such tool, or it can't tell."""
    tool = Path(line.build.argv[0]).resolve().with_name(_NAME)
    if "model" not in line.files or not tool.is_file():
        return None
    try:
        flags = parse_help(_told(str(tool), "--help"))
        if _PRINT not in flags:
            return None
        words = [word for each in line.arguments if each.flag in flags for word in each.words]
        told = _told(str(tool), *words, "-np", str(slots), _PRINT, "on")
    except (OSError, subprocess.SubprocessError, ProfileError):
        return None
    rows = filter(None, map(_LINE.fullmatch, told.splitlines()))
    needed = {row["device"]: sum(int(row[part]) for part in ("model", "context", "compute")) * _MIB for row in rows}
    return Fit(needed) if needed else None


def _told(*argv: str) -> str:
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=True)
    return done.stdout.decode(errors="replace")
