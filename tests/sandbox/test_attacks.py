"""Code that wants to be graded as right without being right, or to take the run down: see `tests/attacks/`.

Each file is Python and begins with a line that says what it tries. They are no code of the project, so no linter reads
them: their names end in `.txt`.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_polecat.sandbox.engine import Engine
from pytest_polecat.sandbox.errors import CandidateError
from pytest_polecat.sandbox.pool import Pool
from pytest_polecat.sandbox.sandbox import Sandbox
from pytest_polecat.sandbox.supervised import Supervised
from tests.sandbox.docker_look import gone

ATTACKS = sorted((Path(__file__).parents[1] / "attacks").glob("*.txt"))
CALL, TASK = 2.0, 6.0


@pytest.fixture(scope="module")
def taken(host_image: str) -> Iterator[tuple[Pool, list[Supervised]]]:
    """A pool of one's own, and the containers that were taken from it; in the end none of them is left."""
    pool, containers = Pool(Engine(host_image), 2), list[Supervised]()
    yield pool, containers
    pool.close()
    assert gone([container.id for container in containers], within=10)


def grade(add: Any) -> None:
    assert add(2, 3) == 5
    assert add(-7, 7) == 0
    assert add(123, 456) == 579
    assert type(add(1, 2)) is int
    assert add(0.5, 0.25) == 0.75
    assert add("a", "bc") == "abc"
    assert add([1], [2, 3]) == [1, 2, 3]
    assert add((1,), ()) == (1,)
    assert add(2**70, 1) == 2**70 + 1
    assert [add(n, 3 * n) for n in (11, 12, 13)] == [44, 48, 52]
    with pytest.raises(TypeError):
        add(1, "x")


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda file: file.stem)
def test_no_attack_is_graded_as_passed(taken: tuple[Pool, list[Supervised]], attack: Path) -> None:
    pool, containers = taken

    def take() -> Supervised:
        containers.append(pool.take())
        return containers[-1]

    sandbox = Sandbox(take, pool.discard)
    source = attack.read_text(encoding="utf-8")
    begin = time.monotonic()
    verdict: BaseException | None = None
    try:
        candidate = sandbox.load(source, call_timeout=CALL, timeout=TASK)
        grade(candidate.add)
    except (CandidateError, AssertionError, pytest.fail.Exception) as error:
        # Whatever else comes out of it would be taken for the test's fault, or the machine's.
        verdict = error
        str(error)
    sandbox.close()
    assert time.monotonic() - begin < 5 * TASK + 3  # a busy machine gives it more time, up to five times its limit
    assert (verdict is None) == (attack.stem == "00_control_correct")


def test_there_are_attacks() -> None:
    assert len(ATTACKS) >= 58
