"""The pool when Docker fails: a passing failure costs nothing, a lasting one is told once it is certain."""

from collections.abc import Iterator

import pytest

from pytest_polecat.sandbox.containers import Container
from pytest_polecat.sandbox.engine import Engine
from pytest_polecat.sandbox.errors import SandboxError
from pytest_polecat.sandbox.pool import Pool


class Faltering(Engine):
    """An engine that fails the first times."""

    def __init__(self, image: str, failures: int) -> None:
        super().__init__(image)
        self.failures = failures
        self.asked = 0

    def container(self) -> Container:
        self.asked += 1
        if self.asked <= self.failures:
            raise SandboxError(f"no, for the time {self.asked}")
        return super().container()


@pytest.fixture
def pools() -> Iterator[list[Pool]]:
    made: list[Pool] = []
    yield made
    for pool in made:
        pool.close()


def test_a_failure_that_passes_costs_no_question_anything(host_image: str, pools: list[Pool]) -> None:
    pools.append(Pool(Faltering(host_image, failures=2), 1))
    container = pools[0].take()
    assert container.python.startswith("3.")
    pools[0].discard(container)


def test_a_failure_that_lasts_is_told_and_not_tried_for_ever(host_image: str, pools: list[Pool]) -> None:
    engine = Faltering(host_image, failures=10**6)
    pools.append(Pool(engine, 2))
    for _ in range(3):
        with pytest.raises(SandboxError, match="no, for the time"):
            pools[0].take()
    assert engine.asked <= 4
