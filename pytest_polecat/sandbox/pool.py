"""Sandboxes ready before they are needed: each serves one task, and the next is made meanwhile."""

from __future__ import annotations

import queue
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

from pytest_polecat.sandbox.containers import Container
from pytest_polecat.sandbox.engine import Engine
from pytest_polecat.sandbox.errors import SandboxError

_MAKERS = 2
_GIVE_UP_AFTER = 3
"""Failures in a row after which no more sandboxes are tried to be made."""

_PATIENCE = 60.0


class Pool:
    """`size` sandboxes are kept ready. Threads of its own make them and clear them away."""

    def __init__(self, engine: Engine, size: int) -> None:
        self._engine = engine
        self._size = size
        self._ready: queue.Queue[Container | None] = queue.Queue()
        self._work = ThreadPoolExecutor(_MAKERS, thread_name_prefix="polecat-pool")
        self._lock = threading.Lock()
        self._making = 0
        self._failures = 0
        self._failure: SandboxError | None = None
        self._closed = False
        self._alive: weakref.WeakSet[Container] = weakref.WeakSet()
        engine.sweep()
        self._refill()

    @property
    def _given_up(self) -> bool:
        return self._failures >= _GIVE_UP_AFTER

    def take(self) -> Container:
        """A sandbox of one's own: give it back to `discard`. Raises `SandboxError` when none can be made."""
        self._refill()
        if self._given_up and self._ready.empty():
            raise SandboxError(str(self._failure))
        try:
            container = self._ready.get(timeout=_PATIENCE)
        except queue.Empty:
            raise SandboxError(f"no sandbox was ready within {_PATIENCE:g} s") from None
        if container is None:
            raise SandboxError(str(self._failure))
        self._refill()
        return container

    def discard(self, container: Container) -> None:
        """Clear a used sandbox away, in the background."""
        container.close()
        with self._lock:
            if not self._closed:
                self._work.submit(container.remove)

    def close(self) -> None:
        """Clear everything away; returns when nothing of it is left."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        # Closing their input first ends all of them at once, whatever they do.
        for container in list(self._alive):
            container.close()
        self._work.shutdown(wait=True)
        for container in list(self._alive):
            container.remove()
        self._engine.close()

    def _refill(self) -> None:
        with self._lock:
            if self._closed:
                return
            wanted = self._size - self._ready.qsize() - self._making
            if self._given_up:
                wanted = 0
            self._making += max(0, wanted)
        for _ in range(wanted):
            self._work.submit(self._make)

    def _make(self) -> None:
        try:
            container = None if self._closed else self._engine.container()
        except SandboxError as error:
            with self._lock:
                self._making -= 1
                self._failures += 1
                self._failure = error
            if self._given_up:
                self._ready.put(None)  # whoever waits need not wait any longer
            else:
                self._refill()
            return
        with self._lock:
            self._making -= 1
            if container is None:
                return
            self._failures = 0
            self._alive.add(container)
        if self._closed:
            container.remove()
        else:
            self._ready.put(container)
