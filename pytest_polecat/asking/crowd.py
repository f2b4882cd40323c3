"""Requests to one server: usually many at once, now and then one that has to be alone."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio


class Crowd:
    """A lock that many may share, or one have for itself. Whoever wants to be alone waits until the others are done.

    It costs next to nothing as long as nobody does. For one event loop.
    """

    def __init__(self) -> None:
        self._inside = 0
        self._alone = False
        self._waited = 0
        self._changed = anyio.Event()

    @asynccontextmanager
    async def among(self) -> AsyncIterator[None]:
        """With others."""
        while self._alone:
            await self._change()
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1
            self._tell()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Without anybody else."""
        while self._alone:
            await self._change()
        self._alone = True
        try:
            while self._inside:
                await self._change()
            yield
        finally:
            self._alone = False
            self._tell()

    async def _change(self) -> None:
        self._waited += 1
        try:
            await self._changed.wait()
        finally:
            self._waited -= 1

    def _tell(self) -> None:
        """Wake whoever waits; nobody does unless somebody is alone, or wants to be."""
        if self._waited:
            changed, self._changed = self._changed, anyio.Event()
            changed.set()
