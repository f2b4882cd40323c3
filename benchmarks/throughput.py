"""What sandboxes cost by the hundred: beside bare `docker run`, two at a time like them, in the same minutes."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

from benchmarks.tasks import make_tasks
from benchmarks.timing import Pair
from pytest_polecat.sandbox.daemon import connect
from pytest_polecat.sandbox.engine import Engine
from pytest_polecat.sandbox.host_image import make_host_image
from pytest_polecat.sandbox.pool import Pool
from pytest_polecat.sandbox.sandbox import Sandbox

_AT_ONCE = 2
_READY = 2
_TASKS, _TURNS = 24, 5
_SUITE = 164
_MANY, _FIRST = 1000, 50

_TEST = """
import pytest
from tasks import TASKS

from pytest_polecat.grading.extract import code


@pytest.mark.parametrize("task", TASKS, ids=range(len(TASKS)))
def test_task(task, sandbox):
    function = getattr(sandbox.load(code(task["reply"], "python")), task["function"])
    for arguments, answer in task["calls"]:
        assert function(*arguments) == answer
"""

_PEAKS = """
import resource
from pathlib import Path

peaks = []


def pytest_runtest_logfinish():
    peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def pytest_unconfigure():
    Path(__file__).with_name("peaks.txt").write_text(" ".join(map(str, peaks)))
"""


def saturated(_: Path) -> tuple[str, float, float]:
    """Time for a task with a container of its own, as a ratio to a bare run, as many as the machine takes."""
    image = _image()
    _bare_runs(image, _AT_ONCE)
    turns = [(_small_tasks(image), _bare_runs(image, _TASKS)) for _ in range(_TURNS)]
    pair = Pair([first for first, _ in turns], [second for _, second in turns])
    return "sandbox: time for a task, saturated: ratio to `docker run`", pair.ratio, 1 / 0.85


def suite(folder: Path) -> tuple[str, float, float]:
    """Time for 164 tasks of HumanEval's size, from reply to verdict, as a ratio to as many bare runs."""
    image = _image()
    _write_tests(folder, _SUITE)
    _bare_runs(image, _AT_ONCE)
    # The floor before and after: a machine that gets slower or faster meanwhile does so for both.
    floor = _bare_runs(image, _SUITE // 2)
    begin = time.perf_counter()
    _run_tests(folder, image)
    taken = time.perf_counter() - begin
    floor += _bare_runs(image, _SUITE - _SUITE // 2)
    return f"sandbox: {_SUITE} tasks of HumanEval's size: ratio to `docker run`", taken / floor, 1.25


def memory(folder: Path) -> tuple[str, float, float]:
    """MiB that the peak of pytest's memory rises by, from the 50th of 1,000 tasks to the last."""
    _write_tests(folder, _MANY)
    (folder / "conftest.py").write_text(_PEAKS)
    _run_tests(folder, _image())
    peaks = [int(kibibytes) for kibibytes in (folder / "peaks.txt").read_text().split()]
    assert len(peaks) == _MANY
    return f"sandbox: MiB that pytest grows by over {_MANY:,} tasks", (peaks[-1] - peaks[_FIRST - 1]) / 1024, 20


def _image() -> str:
    with closing(connect()) as client:
        return make_host_image(client)


def _bare_runs(image: str, count: int) -> float:
    """Seconds for runs of an interpreter that does nothing."""
    command = ["docker", "run", "--rm", "--network", "none", image, "python3", "-c", "pass"]
    begin = time.perf_counter()
    return _ends(count, lambda: subprocess.run(command, check=True))[-1] - begin


def _small_tasks(image: str) -> float:
    """Seconds for tasks, once those sandboxes are used up that were ready before the first."""
    with closing(Pool(Engine(image), _READY)) as pool:

        def task() -> None:
            sandbox = Sandbox(pool.take, pool.discard)
            double = sandbox.load("def double(number):\n    return 2 * number\n").double
            assert [double(1), double(2)] == [2, 4]
            sandbox.close()

        ends = _ends(_READY + _TASKS, task)
    return ends[-1] - ends[_READY - 1]


def _ends(count: int, task: Callable[[], object]) -> list[float]:
    """Do it so often, some at a time: when each was done."""

    def timed(_: int) -> float:
        task()
        return time.perf_counter()

    with ThreadPoolExecutor(_AT_ONCE) as threads:
        return sorted(threads.map(timed, range(count)))


def _write_tests(folder: Path, count: int) -> None:
    (folder / "test_tasks.py").write_text(_TEST)
    (folder / "tasks.py").write_text(f"TASKS = {[asdict(each) for each in make_tasks(count)]}\n")


def _run_tests(folder: Path, image: str) -> None:
    quiet = ["-q", "-p", "no:cacheprovider", "-p", "no:hypothesispytest"]
    command = [sys.executable, "-m", "pytest", *quiet, f"--polecat-sandbox-image={image}", "test_tasks.py"]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
