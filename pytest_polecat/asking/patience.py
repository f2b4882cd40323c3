"""How long an answer may take, counted fairly."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import anyio


class Patience:
    """Cuts an answer off after `seconds`, counted from when the server can have begun with it.

    A server answers `slots` requests at once and queues the rest in the order of arrival. So a request's clock starts
    when fewer than `slots` earlier ones are unanswered: time in the queue is never booked as slow generation.
    """

    def __init__(self, seconds: float, slots: int) -> None:
        self._seconds = seconds
        self._free = slots
        self._queued: deque[anyio.CancelScope] = deque()

    @contextmanager
    def clock(self) -> Iterator[anyio.CancelScope]:
        """A scope for one answer: when its time is up, it is cancelled and left (see its `cancelled_caught`)."""
        with anyio.CancelScope() as scope:
            if self._free > 0:
                self._start(scope)
            else:
                self._queued.append(scope)
            try:
                yield scope
            finally:
                self._leave(scope)

    def _start(self, scope: anyio.CancelScope) -> None:
        self._free -= 1
        scope.deadline = anyio.current_time() + self._seconds

    def _leave(self, scope: anyio.CancelScope) -> None:
        if scope in self._queued:
            self._queued.remove(scope)
            return
        self._free += 1
        if self._queued:
            self._start(self._queued.popleft())
