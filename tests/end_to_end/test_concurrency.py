"""However many questions are in flight, a server that answers alike gets the same scores."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest

from tests.end_to_end.conftest import Bench
from tests.end_to_end.test_resume import essence
from tests.fake_answers import Body, Connection, Fault, completion, status
from tests.fake_server import FakeServer
from tests.soak.material import Answers, write_questions

IDENTITY = {"model", "replies"}
"""What another `parallel` changes: the profile's hash, and the keys of the replies, which cover it."""


def in_any_order(server: FakeServer, answers: Callable[[Body], Any]) -> Callable[[Body], Fault]:
    """The same answers, each after a time that nobody can foresee; the first ones once all slots are busy."""

    def reply(body: Body) -> Fault:
        async def play(connection: Connection) -> None:
            while server.max_busy < server.slots:
                await asyncio.sleep(0.001)
            await asyncio.sleep(random.uniform(0, 0.03))
            await status(200, completion(answers(body)))(connection)

        return play

    return reply


def asked(pytester: pytest.Pytester, slots: int, *args: str) -> tuple[str, dict[str, Any]]:
    """The line of points and the attempts of a run with so many slots, without times and without its identity."""
    with FakeServer(slots=slots) as server:
        server.replies = in_any_order(server, Answers())
        bench = Bench(pytester, server, xdist=False)
        (bench.folder / "polecat.toml").unlink(missing_ok=True)
        bench.profile("fake", f'url = "{server.url}"\nmodel = "fake"\nparallel = {slots}')
        before = {run.id for run in bench.runs}
        result = bench.ask(*args)
    assert result.ret == 0
    assert server.max_busy == slots
    (run,) = (run for run in bench.runs if run.id not in before)
    attempts = {
        name: {key: value for key, value in attempt.items() if key not in IDENTITY}
        for name, attempt in essence(run).items()
    }
    return next(line for line in result.outlines if line.startswith("polecat: ")), attempts


def test_scores_do_not_depend_on_how_many_questions_are_in_flight(pytester: pytest.Pytester) -> None:
    write_questions(pytester.path, sandbox=False)
    alone = asked(pytester, 1)
    assert {attempt["outcome"] for attempt in alone[1].values()} == {"passed", "partial", "missed"}
    assert asked(pytester, 4) == alone
    assert asked(pytester, 16) == alone
    assert asked(pytester, 4, "-n2") == alone
