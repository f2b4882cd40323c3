"""Sandboxes ready before they are needed: each serves one task, and the next is made meanwhile."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from pytest_polecat.sandbox.errors import SandboxError
from pytest_polecat.sandbox.supervised import Supervised

_MAKERS = 2
_PAUSES = (0.0, 0.5, 2.0)
"""Seconds before each further try after a failure; after so many failures in a row, no more is tried for a while."""

_TRY_AGAIN_AFTER = 30.0
"""Seconds after which an engine that failed may have come back."""

_PATIENCE = 30.0
"""Seconds that a question waits for a sandbox; then no other one waits for a while."""


class Maker(Protocol):
    """What makes sandboxes: `engine.Engine`, or `processes.ProcessEngine`."""

    def container(self) -> Supervised:
        """A sandbox that is ready. Raises `SandboxError`."""

    def sweep(self) -> int:
        """Remove what dead runs left; how many there were."""

    def close(self) -> None:
        """No more sandboxes will be asked for."""


class Pool:
    """`size` sandboxes are kept ready. Threads of its own make them and clear them away."""

    def __init__(self, engine: Maker, size: int) -> None:
        self._engine = engine
        self._size = size
        self._ready: queue.Queue[Supervised | None] = queue.Queue()
        self._work = ThreadPoolExecutor(_MAKERS, thread_name_prefix="polecat-pool")
        # Apart: to wait until one is gone must not keep the next from being made.
        self._tidying = ThreadPoolExecutor(_MAKERS, thread_name_prefix="polecat-tidy")
        self._lock = threading.Lock()
        self._making = 0
        self._failures = 0
        self._failed_at = 0.0
        self._failure: SandboxError | None = None
        self._closed = False
        self._closing = threading.Event()
        self._alive: weakref.WeakSet[Supervised] = weakref.WeakSet()
        engine.sweep()
        self._refill()

    @property
    def _given_up(self) -> bool:
        lasting = self._failures >= len(_PAUSES)
        return lasting and time.monotonic() < self._failed_at + _TRY_AGAIN_AFTER

    def take(self) -> Supervised:
        """A sandbox of one's own: give it back to `discard`. Raises `SandboxError` when none can be made."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            self._refill()
            if self._closed:
                raise SandboxError("the session is over, and its sandboxes are gone")
            if self._given_up and self._ready.empty():
                raise SandboxError(str(self._failure))
            try:
                container = self._ready.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise SandboxError(str(self._give_up())) from None
            if container is None:
                continue
            if container.idle():
                self._refill()
                return container
            self.discard(container)

    def discard(self, container: Supervised) -> None:
        """Clear a used sandbox away, in the background. If it was lost, those that are ready are not trusted either."""
        if container.lost:
            with contextlib.suppress(queue.Empty):
                while True:
                    if ready := self._ready.get_nowait():
                        self.discard(ready)
        container.close()
        with self._lock:
            if not self._closed:
                self._tidying.submit(container.remove)

    def hang_up(self) -> None:
        """End all sandboxes, whatever they do, without waiting for it: there will be no more."""
        with self._lock:
            self._closed = True
        self._closing.set()
        for container in list(self._alive):
            container.close()

    def close(self) -> None:
        """Clear everything away; returns when nothing of it is left."""
        # This ends all of them at once, before each is looked after.
        self.hang_up()
        self._work.shutdown(wait=True)
        self._tidying.shutdown(wait=True)
        for container in list(self._alive):
            container.remove()
        self._engine.close()

    def _give_up(self) -> SandboxError:
        """An engine that hangs is a failure that lasts, until it answers."""
        with self._lock:
            self._failures = max(self._failures, len(_PAUSES))
            self._failed_at = time.monotonic()
            self._failure = SandboxError(f"no sandbox was ready within {_PATIENCE:g} s; look at the daemon's log")
            return self._failure

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
                self._failed_at = time.monotonic()
                self._failure = error
            if self._given_up:
                self._ready.put(None)  # whoever waits need not wait any longer
            else:
                self._closing.wait(_PAUSES[self._failures % len(_PAUSES)])
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
