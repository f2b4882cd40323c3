"""Timing whole commands in pairs, so that a slow machine slows both."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
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


def by_turns(measured: Sequence[str], floor: Sequence[str], folder: Path, runs: int) -> Pair:
    """Run two pytest command lines by turns in a folder, after one run of each to warm the caches."""
    _seconds(measured, folder)
    _seconds(floor, folder)
    seconds = [(_seconds(measured, folder), _seconds(floor, folder)) for _ in range(runs)]
    return Pair([first for first, _ in seconds], [second for _, second in seconds])


def _seconds(arguments: Sequence[str], folder: Path) -> float:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start
