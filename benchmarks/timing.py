"""Timing whole commands in pairs, so that a slow machine slows both."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Pair:
    """Seconds of two commands, run by turns: what is measured, and the floor it is measured against."""

    measured: list[float]
    floor: list[float]

    @property
    def ratio(self) -> float:
        """Median over median."""
        return statistics.median(self.measured) / statistics.median(self.floor)

    @property
    def difference(self) -> float:
        """The median of the differences of neighbours, in seconds."""
        return statistics.median(a - b for a, b in zip(self.measured, self.floor, strict=True))


def wall_seconds(arguments: Sequence[str], folder: Path) -> float:
    """Seconds by the clock that a pytest command takes."""
    # Hypothesis's plugin imports all of Hypothesis at the end of a session, which would drown what is measured.
    quiet = ["-q", "-p", "no:cacheprovider", "-p", "no:hypothesispytest"]
    command = [sys.executable, "-m", "pytest", *quiet, *arguments]
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def processor_seconds(arguments: Sequence[str], folder: Path) -> float:
    """Seconds of processor time, user and system, that a pytest command takes: steadier than the clock."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    wall_seconds(arguments, folder)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


# What users have: compiled modules are kept, and found again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
os.environ.setdefault("PYTHONPYCACHEPREFIX", str(Path(tempfile.gettempdir()) / "polecat-bytecode"))

Clock = Callable[[Sequence[str], Path], float]


def by_turns(
    measured: Sequence[str], floor: Sequence[str], folder: Path, runs: int, clock: Clock = wall_seconds
) -> Pair:
    """Run two pytest command lines by turns in a folder, after one run of each to warm the caches."""
    clock(measured, folder)
    clock(floor, folder)
    seconds = [(clock(measured, folder), clock(floor, folder)) for _ in range(runs)]
    return Pair([first for first, _ in seconds], [second for _, second in seconds])
