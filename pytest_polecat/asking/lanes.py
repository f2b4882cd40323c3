"""HTTP connections to one server, each in a client of its own."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio
import httpx


class Lanes:
    """At most `limit` one-connection clients; the one used last is used again first, so that it is still alive.

    A pool of httpx looks at all its connections twice for each request, which at 16 slots costs more than the request
    itself. And a lane on which something went wrong is closed, so that no broken state outlives its request.
    """

    def __init__(self, make: Callable[[], httpx.AsyncClient], limit: int) -> None:
        self._make = make
        self._limit = anyio.Semaphore(limit, fast_acquire=True)
        self._idle: list[httpx.AsyncClient] = []
        self._busy: set[httpx.AsyncClient] = set()

    @asynccontextmanager
    async def lane(self) -> AsyncIterator[httpx.AsyncClient]:
        """A client for one request; waits while all are busy."""
        async with self._limit:
            client = self._idle.pop() if self._idle else self._make()
            self._busy.add(client)
            try:
                yield client
            except BaseException:
                await _close(client)
                raise
            else:
                self._idle.append(client)
            finally:
                self._busy.discard(client)

    async def aclose(self) -> None:
        """Close all connections; requests under way fail."""
        idle, self._idle = self._idle, []
        for client in (*idle, *self._busy):
            await _close(client)


async def _close(client: httpx.AsyncClient) -> None:
    with anyio.CancelScope(shield=True):
        await client.aclose()
