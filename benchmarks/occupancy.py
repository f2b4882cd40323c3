"""Whether a real llama.cpp server ever waits for the harness: its slots are watched while a run asks them."""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import httpx

from pytest_polecat.asking.launch.state import read_state
from pytest_polecat.rundir import RunDir

Figure = tuple[str, float, float]

_SLOTS = 8
_RUNS = 3
_QUESTIONS = 80
_TOKENS = 200, 40
"""What a reply is cut at: the least, and so many more from question to question, five times."""
_PAUSE = 0.02
_READY_WITHIN = 60


def prepare(folder: Path) -> None:
    """A suite whose questions make the demo model think without end, until it is cut off."""
    profile = f'[profiles.full]\nextends = "demo"\nparallel = {_SLOTS}\nargs = {{ctx-size = {_SLOTS * 4096}}}\n'
    (folder / "polecat.toml").write_text(profile)
    least, more = _TOKENS
    lines: list[dict[str, object]] = [{"suite": "endless", "version": 1}]
    lines += [
        {
            "id": f"q-{number:03}",
            "prompt": f"Question {number}: ponder without end.",
            "sampling": {"max_tokens": least + more * (number * 3 % 5)},
            "checks": [{"includes": ["never"]}],
        }
        for number in range(_QUESTIONS)
    ]
    (folder / "endless.polecat.jsonl").write_text("\n".join(map(json.dumps, lines)))


def idle(folder: Path) -> Figure:
    """Per cent of the time in which not all slots are busy, from the end of the first window to the last's begin."""
    prepare(folder)
    shares, seconds = zip(*(_idle(folder) for _ in range(_RUNS)), strict=True)
    name = f"{_SLOTS} slots of llama.cpp, {statistics.median(seconds):.1f} s a reply: % of the time with one idle"
    return name, statistics.median(shares), 3


def _idle(folder: Path) -> tuple[float, float]:
    """That of one run, and the median seconds of its replies."""
    shutil.rmtree(folder / "polecat-runs", ignore_errors=True)
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", "--polecat-allow-unproven"]
    command = [sys.executable, "-m", "pytest", *options, "--polecat-model=full", "endless.polecat.jsonl"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
    try:
        busy = list(_watched(folder, process))
    finally:
        process.wait()
    assert process.returncode == 0
    (run,) = RunDir.all(folder / "polecat-runs")
    seconds = statistics.median(attempt.generation_ms or 0 for attempt in run.attempts()) / 1000
    return 100 * sum(count < _SLOTS for count in busy) / len(busy), seconds


def _watched(folder: Path, process: subprocess.Popen[bytes]) -> Iterator[int]:
    """How many slots are busy, at short intervals, while neither the first nor the last window of replies is due."""
    run = _begun(folder)
    state = read_state(run, "full")
    assert state is not None
    assert state.served is not None
    with httpx.Client(base_url=state.served.url.removesuffix("/v1")) as client:
        while process.poll() is None:
            kept = len(list(run.path.glob("replies/*.json")))
            slots = client.get("/slots").json() if kept >= _SLOTS else []
            if kept >= _QUESTIONS - _SLOTS:
                return
            if slots:
                yield sum(slot["is_processing"] for slot in slots)
            time.sleep(_PAUSE)


def _begun(folder: Path) -> RunDir:
    """The run, once its server is ready."""
    deadline = time.monotonic() + _READY_WITHIN
    while time.monotonic() < deadline:
        for run in RunDir.all(folder / "polecat-runs"):
            state = read_state(run, "full")
            if state is not None and state.state == "ready":
                return run
        time.sleep(_PAUSE)
    raise TimeoutError("the server did not get ready")


ALL = (idle,) if find_spec("xllamacpp") else ()


def main() -> None:
    """Only this figure."""
    for each in ALL:
        with tempfile.TemporaryDirectory() as folder:
            name, figure, limit = each(Path(folder))
        sys.stdout.write(f"{name:<80} {figure:8.2f}  (at most {limit:g})\n")


if __name__ == "__main__":
    main()
