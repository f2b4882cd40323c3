"""How long an answer may take, counted fairly."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import anyio


@dataclass(eq=False)
class Clock:
    """The time of one answer, running from `started` on (None: it waits behind earlier ones).

    `due` seconds later the server is to be looked at. What was found amiss then is `trouble`, and `scope` is cancelled.
    """

    due: float | None = None
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    started: float | None = None
    looks: int = 0
    trouble: str = ""

    def stop(self, trouble: str) -> None:
        """Give the answer up."""
        self.trouble = trouble
        self.scope.cancel()


class Patience:
    """Cuts an answer off after `seconds`, counted from when the server can have begun with it.

    A server answers `slots` requests at once and queues the rest in the order of arrival. So a request's clock starts
    when fewer than `slots` earlier ones are unanswered: time in the queue is never booked as slow generation.
    """

    def __init__(self, seconds: float, slots: int) -> None:
        self._seconds = seconds
        self._free = slots
        self._queued: deque[Clock] = deque()
        self._running: set[Clock] = set()

    @contextmanager
    def clock(self, due: float | None = None) -> Iterator[Clock]:
        """A clock for one answer: when its time is up, its scope is cancelled and left (see `cancelled_caught`)."""
        clock = Clock(due)
        with clock.scope:
            if self._free > 0:
                self._start(clock)
            else:
                self._queued.append(clock)
            try:
                yield clock
            finally:
                self._leave(clock)

    def overdue(self) -> list[Clock]:
        """The clocks that have run past their `due`, once for each time that they do so again."""
        now = anyio.current_time()
        found = [clock for clock in self._running if _is_overdue(clock, now)]
        for clock in found:
            clock.looks += 1
        return found

    def _start(self, clock: Clock) -> None:
        self._free -= 1
        self._running.add(clock)
        clock.started = anyio.current_time()
        clock.scope.deadline = clock.started + self._seconds

    def _leave(self, clock: Clock) -> None:
        if clock in self._queued:
            self._queued.remove(clock)
            return
        self._free += 1
        self._running.discard(clock)
        if self._queued:
            self._start(self._queued.popleft())


def _is_overdue(clock: Clock, now: float) -> bool:
    if clock.due is None or clock.started is None:
        return False
    return now > clock.started + clock.due * (clock.looks + 1)
