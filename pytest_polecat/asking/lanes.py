"""Connections to one server, used again."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio

from pytest_polecat.asking.connections import Connection


class Lanes:
    """At most `limit` connections; the one used last is used again first, so that it is still alive.

    A connection on which something went wrong is closed, so that no broken state outlives its request.
    """

    def __init__(self, make: Callable[[], Connection], limit: int) -> None:
        self._make = make
        self._limit = anyio.Semaphore(limit, fast_acquire=True)
        self._idle: list[Connection] = []
        self._busy: set[Connection] = set()

    @asynccontextmanager
    async def lane(self) -> AsyncIterator[Connection]:
        """A connection for one request; waits while all are busy."""
        async with self._limit:
            connection = self._idle.pop() if self._idle else self._make()
            self._busy.add(connection)
            try:
                yield connection
            except BaseException:
                await _close(connection)
                raise
            else:
                self._idle.append(connection)
            finally:
                self._busy.discard(connection)

    async def aclose(self) -> None:
        """Close all connections; requests under way fail."""
        idle, self._idle = self._idle, []
        for connection in (*idle, *self._busy):
            await _close(connection)


async def _close(connection: Connection) -> None:
    with anyio.CancelScope(shield=True):
        await connection.aclose()
