"""The engine that looks ahead: while pytest grades one question, the next ones are being answered.

It runs in a thread of its own event loop (an anyio portal). It keeps `width` requests in flight, in the order in which
pytest will want them, and tops up whenever a request ends or pytest advances. It never crosses from one model to the
next before pytest does, so that a server is not swapped under open requests.
"""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from types import TracebackType
from typing import Any, Self

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup, TaskStatus
from anyio.from_thread import BlockingPortal, start_blocking_portal

from pytest_polecat.asking.asker import Asked, Asker
from pytest_polecat.questions.cases import CaseParam
from pytest_polecat.records.activity import Activity
from pytest_polecat.records.profile import Profile


@dataclass(frozen=True, slots=True)
class Planned:
    """A test item that will want an answer: what it asks of whom.

    `ahead`: its answer is graded ahead of need, because declared checks do that, and take their time.
    """

    nodeid: str
    case: CaseParam
    profile: Profile
    ahead: bool = False


_TELL = 0.5


def width(slots: int, workers: int = 1) -> int:
    """Requests that one process keeps in flight: all slots and a quarter more, so that no slot waits for us.

    The server queues the surplus. xdist workers share it evenly, rounded up.
    """
    total = slots + max(1, slots // 4)
    return -(-total // workers)


class Engine:
    """Answers for the planned items, ahead of need.

    `ahead` is how far beyond the item that pytest is at questions may be asked. None stands for the width: with `-x` or
    `--maxfail` little is to be asked in vain. `grade` grades answers by declared checks, in threads, so that grading
    need not wait for pytest either; what it raises is its result. `tell` is called twice a second with what goes on.
    `meanwhile` is called, again and again, while pytest waits for an answer: it does a millisecond's work, and tells
    whether there is more.
    """

    def __init__(
        self,
        plan: Sequence[Planned],
        asker: Callable[[], Asker],
        *,
        workers: int,
        ahead: int | None,
        grade: Callable[[CaseParam, Asked], object] | None = None,
        tell: Callable[[Activity], None] | None = None,
        meanwhile: Callable[[], bool] | None = None,
    ) -> None:
        self._plan = plan
        self._index = {planned.nodeid: index for index, planned in enumerate(plan)}
        self._make_asker = asker
        self._workers = workers
        self._ahead = ahead
        self._grade = grade
        self._tell = tell
        self._meanwhile = meanwhile
        self._answers: dict[int, Future[Asked]] = {}
        self._current = 0
        self._next = 0
        self._in_flight = 0
        self._graders = max((planned.profile.parallel for planned in plan), default=1)
        self._portal_context = start_blocking_portal(name="polecat-engine")
        self._portal: BlockingPortal
        self._life: Future[None]
        self._loop: asyncio.AbstractEventLoop
        self._context: contextvars.Context
        self._stop: anyio.Event
        self._tasks: TaskGroup
        self._asker: Asker
        self._limiter: anyio.CapacityLimiter

    def __enter__(self) -> Self:
        self._portal = self._portal_context.__enter__()
        self._life, _ = self._portal.start_task(self._live)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._portal.call(self._stop.set)
        self._life.result()
        self._portal_context.__exit__(None, None, None)
        self._plan, self._index = (), {}

    async def _live(self, *, task_status: TaskStatus[None]) -> None:
        self._stop = anyio.Event()
        self._loop = asyncio.get_running_loop()
        # A bare callback has the context of whoever asks for it; in pytest's, anyio knows of no loop.
        self._context = contextvars.copy_context()
        self._asker = self._make_asker()
        self._limiter = anyio.CapacityLimiter(self._graders)
        try:
            async with anyio.create_task_group() as self._tasks:
                self._asker.background = partial(self._tasks.start_soon, name="polecat-watch")
                if self._tell is not None:
                    self._tasks.start_soon(self._keep_telling, self._tell)
                task_status.started()
                await self._stop.wait()
                self._tasks.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True):
                await self._asker.aclose()

    async def _keep_telling(self, tell: Callable[[Activity], None]) -> None:
        told = Activity()
        while True:
            await anyio.sleep(_TELL)
            if self.activity != told:
                told = self.activity
                tell(told)

    def advance(self, nodeid: str) -> None:
        """Pytest has come to this item: look ahead from here. Returns at once."""
        index = self._index.get(nodeid)
        if index is not None:
            self._loop.call_soon_threadsafe(self._advance, index, context=self._context)

    def answer(self, nodeid: str, case: CaseParam, profile: Profile) -> Asked:
        """The answer for an item, waiting for it; asked now if it was not asked ahead (or was taken before)."""
        index = self._index.get(nodeid)
        if index is None or self._plan[index].profile != profile:
            asked: Asked = self.call(self._ask_now, case, profile)
            return asked
        # The loop adds answers, and only this takes any away: one that is there can be had without asking the loop.
        future = self._answers.pop(index, None) or self._portal.call(self._future, index)
        while self._meanwhile is not None and not future.done() and self._meanwhile():
            time.sleep(0)  # the loop's thread must not wait for the interpreter until all the work is done
        return future.result()

    def call(self, function: Callable[..., Any], *args: object) -> Any:
        """Run a coroutine function in the engine's loop and wait for its result; Ctrl-C interrupts the wait."""
        return self._portal.start_task_soon(function, *args).result()

    @property
    def activity(self) -> Activity:
        """What goes on right now; may be asked from any thread."""
        return Activity(in_flight=self._in_flight, tokens=self._asker.generated)

    @property
    def asker(self) -> Asker:
        """The asker, for questions that tests ask by themselves."""
        return self._asker

    async def _ask_now(self, case: CaseParam, profile: Profile) -> Asked:
        return await self._asker.ask(profile, case)

    def _advance(self, index: int) -> None:
        self._current = index
        self._next = max(self._next, index)
        self._top_up()

    def _future(self, index: int) -> Future[Asked]:
        if index not in self._answers:
            self._start(index)
        return self._answers.pop(index)

    def _top_up(self) -> None:
        here = self._plan[self._current].profile
        limit = width(here.parallel, self._workers)
        reach = self._current + (limit if self._ahead is None else self._ahead)
        while self._in_flight < limit and self._next < len(self._plan) and self._next <= reach:
            if self._plan[self._next].profile.name != here.name:
                return
            if self._next not in self._answers:
                self._start(self._next)
            self._next += 1

    def _start(self, index: int) -> None:
        self._answers[index] = Future()
        self._in_flight += 1
        self._tasks.start_soon(self._ask_planned, index, self._answers[index])

    async def _ask_planned(self, index: int, answer: Future[Asked]) -> None:
        planned = self._plan[index]
        try:
            try:
                asked = await self._ask_now(planned.case, planned.profile)
            finally:
                self._in_flight -= 1
            self._top_up()
            answer.set_result(await self._graded(planned, asked))
        except anyio.get_cancelled_exc_class():
            answer.cancel()
            raise
        except Exception as error:
            answer.set_exception(error)
            self._top_up()

    async def _graded(self, planned: Planned, asked: Asked) -> Asked:
        if self._grade is None or not planned.ahead or asked.failed or asked.not_applicable:
            return asked
        graded = await anyio.to_thread.run_sync(
            _outcome, self._grade, planned.case, asked, abandon_on_cancel=True, limiter=self._limiter
        )
        return replace(asked, graded=graded)


def _outcome(grade: Callable[[CaseParam, Asked], object], case: CaseParam, asked: Asked) -> object:
    try:
        return grade(case, asked)
    except Exception as error:
        return error
