"""The pool when Docker fails: a passing failure costs nothing, a lasting one is told once it is certain."""

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from pytest_polecat.sandbox import pool
from pytest_polecat.sandbox.containers import Container
from pytest_polecat.sandbox.daemon import connect
from pytest_polecat.sandbox.engine import Engine
from pytest_polecat.sandbox.errors import SandboxError
from pytest_polecat.sandbox.pool import Pool
from tests.asking.launch.helpers import until


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


class Noting(Engine):
    """An engine that knows what it made."""

    def __init__(self, image: str) -> None:
        super().__init__(image)
        self.made: list[Container] = []

    def container(self) -> Container:
        made = super().container()
        self.made.append(made)
        return made


class Hanging(Noting):
    """An engine that does not answer for a while."""

    def __init__(self, image: str) -> None:
        super().__init__(image)
        self.answers = threading.Event()

    def container(self) -> Container:
        self.answers.wait(20)
        return super().container()


@pytest.fixture
def pools() -> Iterator[list[Pool]]:
    made: list[Pool] = []
    yield made
    for each in made:
        each.close()


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


def test_one_that_died_while_it_waited_is_not_given_to_a_question(host_image: str, pools: list[Pool]) -> None:
    engine = Noting(host_image)
    pools.append(Pool(engine, 1))
    first = pools[0].take()
    assert until(lambda: len(engine.made) == 2)
    waiting = engine.made[1]
    with closing(connect()) as client:
        client.api.remove_container(waiting.id, force=True)
    assert until(lambda: not waiting.idle())
    second = pools[0].take()
    assert second.id not in (first.id, waiting.id)
    assert second.idle()
    for container in (first, second):
        pools[0].discard(container)


def test_an_engine_that_hangs_is_waited_for_once_and_used_again_when_it_answers(
    host_image: str, pools: list[Pool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "_PATIENCE", 0.1)
    engine = Hanging(host_image)
    pools.append(Pool(engine, 1))
    with pytest.raises(SandboxError, match=r"no sandbox was ready within 0\.1 s; look at the daemon's log"):
        pools[0].take()
    monkeypatch.setattr(pool, "_PATIENCE", 10_000)
    with pytest.raises(SandboxError, match=r"within 0\.1 s"):
        pools[0].take()
    engine.answers.set()
    assert until(lambda: bool(engine.made))
    pools[0].discard(pools[0].take())
