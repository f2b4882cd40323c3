"""Requests to one server: usually many at once, now and then one that has to be alone."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio


class Crowd:
    """A lock that many may share, or one have for itself. Whoever wants to be alone waits until the others are done."""

    def __init__(self) -> None:
        self._inside = 0
        self._alone = False
        self._changed = anyio.Condition()

    @asynccontextmanager
    async def among(self) -> AsyncIterator[None]:
        """With others."""
        async with self._changed:
            while self._alone:
                await self._changed.wait()
            self._inside += 1
        try:
            yield
        finally:
            await self._left()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Without anybody else."""
        async with self._changed:
            while self._alone:
                await self._changed.wait()
            self._alone = True
            try:
                while self._inside:
                    await self._changed.wait()
            except BaseException:
                self._alone = False
                raise
        try:
            yield
        finally:
            await self._left(alone=True)

    async def _left(self, *, alone: bool = False) -> None:
        with anyio.CancelScope(shield=True):
            async with self._changed:
                if alone:
                    self._alone = False
                else:
                    self._inside -= 1
                self._changed.notify_all()
