"""Limits are for what a candidate takes: a machine that is busy with something else costs it nothing."""

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from pytest_polecat.sandbox.engine import Engine
from pytest_polecat.sandbox.errors import TimeLimitError
from pytest_polecat.sandbox.inside.kernel import more_time, processor_seconds
from pytest_polecat.sandbox.pool import Pool
from pytest_polecat.sandbox.sandbox import Sandbox
from pytest_polecat.sandbox.supervised import Limits

BUSY = """
import time

def busy(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass
    return "done"

def asleep(seconds):
    time.sleep(seconds)
    return "done"
"""

Opened = Callable[[], Sandbox]


@pytest.fixture
def crowded(host_image: str) -> Iterator[Opened]:
    """Sandboxes that get a quarter of a processor: as on a machine with four times as much to do as it can."""
    with closing(Pool(Engine(host_image, limits=Limits(cpus=0.25)), 1)) as pool:
        yield lambda: Sandbox(pool.take, pool.discard)


def test_a_call_on_a_crowded_machine_gets_the_time_that_it_was_promised(crowded: Opened) -> None:
    with closing(crowded()) as sandbox:
        assert sandbox.load(BUSY, call_timeout=1.5).busy(1.0) == "done"


def test_a_program_on_a_crowded_machine_gets_the_time_that_it_was_promised(crowded: Opened) -> None:
    with closing(crowded()) as sandbox:
        done = sandbox.run(["python3", "-c", BUSY + "print(busy(1.0))"], timeout=1.5)
    assert (done.limited, done.stdout) == (None, b"done\n")


def test_it_gets_no_more_than_that(crowded: Opened) -> None:
    with closing(crowded()) as sandbox, pytest.raises(TimeLimitError, match="a call took longer than 1 s"):
        sandbox.load(BUSY, call_timeout=1).busy(60)
    with closing(crowded()) as sandbox:
        assert sandbox.run(["python3", "-c", BUSY + "busy(60)"], timeout=1).limited == "time"


def test_who_sleeps_is_given_no_more(sandbox: Sandbox) -> None:
    with pytest.raises(TimeLimitError):
        sandbox.load(BUSY, call_timeout=1).asleep(60)
    assert sandbox.run(["python3", "-c", BUSY + "asleep(60)"], timeout=1).limited == "time"


def test_what_other_calls_took_is_not_counted(crowded: Opened) -> None:
    with closing(crowded()) as sandbox:
        candidate = sandbox.load(BUSY, call_timeout=1.5)
        assert [candidate.busy(1.0) for _ in range(2)] == ["done", "done"]


@pytest.mark.parametrize(
    ("used", "waited", "more"),
    [
        (1.0, 4.0, 3.0),
        (3.9, 4.0, 0.0),
        (0.0, 4.0, 0.0),
        (0.1, 4.0, 0.0),
        (2.0, 19.9, 2.0),
        (2.0, 20.0, 0.0),
        (float("inf"), 4.0, 0.0),
    ],
)
def test_more_time_is_for_who_worked_without_getting_the_processor(used: float, waited: float, more: float) -> None:
    assert more_time(used, waited, limit=4.0) == more


def test_the_time_of_a_process_that_is_not_there_is_nothing() -> None:
    assert processor_seconds(None) == 0
    assert processor_seconds(2**22 - 1) == 0
