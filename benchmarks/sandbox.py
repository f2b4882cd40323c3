"""What a sandbox costs: figures of containers on the Docker Engine that answers here."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path
from statistics import median

from pytest_polecat.sandbox.daemon import connect
from pytest_polecat.sandbox.engine import Engine
from pytest_polecat.sandbox.host_image import make_host_image
from pytest_polecat.sandbox.pool import Pool
from pytest_polecat.sandbox.sandbox import Sandbox

_SOURCE = "def add(a, b):\n    return a + b\n"
_TASKS = 15
_CALLS = 2000


def _pool(size: int) -> Pool:
    with closing(connect()) as client:
        image = make_host_image(client)
    return Pool(Engine(image), size)


def graded_task(_: Path) -> tuple[str, float, float]:
    """Milliseconds from code to verdict for a task of 11 calls, one a second, with sandboxes ready."""
    taken = []
    with closing(_pool(2)) as pool:
        for _task in range(_TASKS):
            time.sleep(1)
            begin = time.perf_counter()
            sandbox = Sandbox(pool.take, pool.discard)
            add = sandbox.load(_SOURCE).add
            assert [add(number, 1) for number in range(11)] == list(range(1, 12))
            taken.append(time.perf_counter() - begin)
            sandbox.close()
    return "sandbox: ms for a graded task of 11 calls", median(taken) * 1000, 40


def one_call(_: Path) -> tuple[str, float, float]:
    """Milliseconds for a call and its answer."""
    with closing(_pool(1)) as pool:
        sandbox = Sandbox(pool.take, pool.discard)
        add = sandbox.load(_SOURCE).add
        taken = []
        for number in range(_CALLS):
            begin = time.perf_counter()
            add(number, 1)
            taken.append(time.perf_counter() - begin)
        sandbox.close()
    return "sandbox: ms for a call and its answer", median(taken) * 1000, 1


def idle(_: Path) -> tuple[str, float, float]:
    """MiB that a sandbox takes while it waits, by the kernel's account of its container."""
    with closing(_pool(1)) as pool, closing(connect()) as client:
        container = pool.take()
        usage = client.api.stats(container.id, stream=False)["memory_stats"]["usage"]
        pool.discard(container)
    return "sandbox: MiB while it waits", usage / 2**20, 25
