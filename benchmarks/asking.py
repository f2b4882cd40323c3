"""What asking costs: whole pytest runs against a model server that is none, beside bare httpx in the same minutes."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.timing import processor_seconds, wall_seconds

Figure = tuple[str, float, float]

_ROOT = Path(__file__).parents[1]
_SLOTS = 16
_RUNS = 5
_START_UP = 0.8
"""Seconds allowed on top of the ratio: Python, pytest and their plugins have to start."""

_BARE = """
import asyncio, sys, httpx
url, count, at_once = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
async def main():
    asked = iter(range(count))
    async def ask(client):
        for number in asked:
            body = {"messages": [{"role": "user", "content": f"Question {number}."}], "max_tokens": 64}
            answer = await client.post(url + "/chat/completions", json=body)
            assert answer.json()["choices"]
    limits = httpx.Limits(max_connections=at_once, max_keepalive_connections=at_once)
    async with httpx.AsyncClient(limits=limits, timeout=60) as client:
        await asyncio.gather(*(ask(client) for _ in range(at_once)))
asyncio.run(main())
"""


@contextmanager
def fake_server(latency: float = 0.1, reply: str = "fine") -> Iterator[str]:
    """The fake server in a process of its own: its address with the `/v1`."""
    command = [sys.executable, "-m", "tests.fake_server", "--slots", str(_SLOTS), "--latency", str(latency)]
    process = subprocess.Popen([*command, "--reply", reply], cwd=_ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().removeprefix("listening on ").strip() + "/v1"
    finally:
        process.kill()
        process.wait()


def prepare(folder: Path, url: str, count: int) -> None:
    """A suite of this many questions, and a profile that reaches the server."""
    (folder / "polecat.toml").write_text(f'[profiles.fake]\nurl = "{url}"\nmodel = "fake"\nparallel = {_SLOTS}\n')
    lines: list[dict[str, object]] = [{"suite": "many", "version": 1}]
    lines += [
        {"id": f"q-{number:05}", "prompt": f"Question {number}.", "checks": [{"includes": ["fine"]}]}
        for number in range(count)
    ]
    (folder / "many.polecat.jsonl").write_text("\n".join(map(json.dumps, lines)))


def _asking(*more: str) -> list[str]:
    return ["--polecat-model=fake", "--polecat-allow-unproven", *more, "many.polecat.jsonl"]


def _bare_seconds(url: str, count: int) -> float:
    """Seconds of a Python process that asks the same with httpx alone, as many at once."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", _BARE, url, str(count), str(_SLOTS + _SLOTS // 4)], check=True)
    return time.perf_counter() - start


def _whole(folder: Path, count: int) -> Figure:
    with fake_server() as url:
        prepare(folder, url, count)
        turns = [(wall_seconds(_asking(), folder), _bare_seconds(url, count)) for _ in range(_RUNS)]
    whole, bare = (statistics.median(column) for column in zip(*turns, strict=True))
    name = f"asking {count} questions: (whole process - {_START_UP:g} s) / bare httpx ({bare:.2f} s)"
    return name, (whole - _START_UP) / bare, 1.06


def many(folder: Path) -> Figure:
    """1,600 questions at 16 slots, whole process."""
    return _whole(folder, 1600)


def few(folder: Path) -> Figure:
    """400 questions at 16 slots, whole process."""
    return _whole(folder, 400)


def distributed(folder: Path) -> Figure:
    """400 questions with two workers, as a ratio to the plain run."""
    with fake_server() as url:
        prepare(folder, url, 400)
        turns = [(wall_seconds(_asking("-n2"), folder), wall_seconds(_asking(), folder)) for _ in range(_RUNS)]
    workers, plain = (statistics.median(column) for column in zip(*turns, strict=True))
    return "asking 400 questions with -n2: ratio to the plain run", workers / plain, 1.25


def processor(folder: Path) -> Figure:
    """Milliseconds of processor time for a question, user and system, pytest included."""
    with fake_server() as url:
        prepare(folder, url, 1600)
        seconds = [processor_seconds(_asking(), folder) for _ in range(_RUNS)]
    return "asking 1600 questions: ms of processor time each", statistics.median(seconds) / 1600 * 1000, 5


def _peak(arguments: Sequence[str], folder: Path) -> float:
    """The most memory that a pytest run takes, in MiB."""
    code = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    quiet = ["-q", "-p", "no:cacheprovider", "-p", "no:hypothesispytest"]
    command = [sys.executable, "-c", code, sys.executable, "-m", "pytest", *quiet, *arguments]
    told = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    unit = 1 if sys.platform == "darwin" else 1024
    return int(told.stdout) * unit / 2**20


def memory(folder: Path) -> Figure:
    """Peak memory with 1,600 questions."""
    with fake_server(latency=0) as url:
        prepare(folder, url, 1600)
        return "asking 1600 questions: peak memory in MiB", _peak(_asking(), folder), 130


def memory_of_a_long_run(folder: Path) -> Figure:
    """Peak memory with 20,000 questions and replies of 2 KB."""
    with fake_server(latency=0, reply="fine " * 400) as url:
        prepare(folder, url, 20_000)
        return "asking 20,000 questions with 2 KB replies: peak memory in MiB", _peak(_asking(), folder), 200


def resumed(folder: Path) -> Figure:
    """Seconds to find that a run of 20,000 questions is finished."""
    with fake_server(latency=0) as url:
        prepare(folder, url, 20_000)
        wall_seconds(_asking(), folder)
        seconds = [wall_seconds(_asking("--polecat-resume"), folder) for _ in range(3)]
    return "resuming a finished run of 20,000 questions: seconds", statistics.median(seconds), 25


ALL = (many, few, distributed, processor, memory, memory_of_a_long_run, resumed)


def main() -> None:
    """Only these figures."""
    for each in ALL:
        with tempfile.TemporaryDirectory() as folder:
            name, figure, limit = each(Path(folder))
        sys.stdout.write(f"{name:<80} {figure:8.2f}  (at most {limit:g})\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
