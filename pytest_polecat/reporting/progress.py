"""The line below pytest's own output that tells how far a long run is; on a terminal only.

pytest writes at its own pace on the lines above, so the line is wiped away before every hook in which its reporter
writes, and drawn again after it. It stands below the cursor and is reached by relative moves: nothing scrolls, and
nothing of pytest's output is touched.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

_EVERY = 0.5
_WINDOW = 30.0
"""Seconds over which tokens per second are averaged."""

_ENOUGH = 5
"""Finished questions from which on the time left is told."""


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    `done` counts finished test items of `total`, `earlier` of them by earlier sessions; `tokens` were generated in this
    session so far; `doing` is said instead of all that while nothing is asked yet.
    """

    done: int
    total: int
    earlier: int
    in_flight: int
    tokens: int
    points: float
    doing: str = ""


class Speed:
    """Tokens per second over the last half minute, from how many there were at what time."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def of(self, tokens: int, now: float) -> float | None:
        """The speed, given the number of tokens now; None while it can't be told."""
        self._seen.append((now, tokens))
        while now - self._seen[0][0] > _WINDOW:
            self._seen.popleft()
        then, before = self._seen[0]
        return (tokens - before) / (now - then) if now - then >= 1 else None


def line(progress: Progress, seconds: float, speed: float | None) -> str:
    """The line, after `seconds` of the session."""
    if progress.doing:
        return f"polecat: {progress.doing}, {_clock(seconds)}"
    parts = [f"{progress.done} of {progress.total} questions", f"{progress.in_flight} in flight"]
    if speed is not None:
        parts.append(f"{speed:.0f} tokens/s")
    parts.append(f"{progress.points:g} points")
    done = progress.done - progress.earlier
    if done >= _ENOUGH:
        parts.append(f"{_clock(seconds / done * (progress.total - progress.done))} left")
    return f"polecat: {' · '.join(parts)}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def shown(config: pytest.Config) -> bool:
    """Whether there is a terminal that can show it, with nobody else writing there."""
    own = config.getoption("capture", "no") != "no" and not config.getoption("usepdb") and not config.getoption("trace")
    return own and sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb" and "CI" not in os.environ


class ProgressLine:
    """Draws the line while questions are asked. Hooks of pytest's reporter are wrapped, the rest is a thread's."""

    def __init__(self, config: pytest.Config, progress: Callable[[], Progress]) -> None:
        self._writer = config.get_terminal_writer()
        self._progress = progress
        self._speed = Speed()
        self._lock = threading.RLock()
        self._over = threading.Event()
        self._drawn = False
        self._started = time.monotonic()
        # Pytest redirects the usual one while a test runs.
        self._terminal = os.dup(sys.stdout.fileno())
        self._thread = threading.Thread(target=self._keep_drawing, name="polecat-progress", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Wipe the line away for good."""
        if self._over.is_set():
            return
        self._over.set()
        self._thread.join()
        with self._hidden():
            os.close(self._terminal)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logstart(self) -> Generator[None, object, object]:
        """The reporter may write."""
        with self._hidden():
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logreport(self) -> Generator[None, object, object]:
        """The reporter may write."""
        with self._hidden():
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logfinish(self) -> Generator[None, object, object]:
        """The reporter may write."""
        with self._hidden():
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True, optionalhook=True)
    def pytest_testnodedown(self) -> Generator[None, object, object]:
        """Xdist's reporter may write."""
        with self._hidden():
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True, optionalhook=True)
    def pytest_testnodeready(self) -> Generator[None, object, object]:
        """Xdist's reporter may write."""
        with self._hidden():
            return (yield)

    @pytest.hookimpl(tryfirst=True)
    def pytest_keyboard_interrupt(self) -> None:
        """The reporter is about to write."""
        self.end()

    @pytest.hookimpl(tryfirst=True)
    def pytest_internalerror(self) -> None:
        """The reporter is about to write."""
        self.end()

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """The reporter is about to sum up."""
        self.end()

    @contextmanager
    def _hidden(self) -> Iterator[None]:
        with self._lock:
            if self._drawn:
                self._write("\x1b[B\r\x1b[K\x1b[A")
                self._drawn = False
            yield

    def _keep_drawing(self) -> None:
        while not self._over.wait(_EVERY):
            with self._lock:
                self._draw()

    def _draw(self) -> None:
        now = time.monotonic()
        progress = self._progress()
        text = line(progress, now - self._started, self._speed.of(progress.tokens, now))
        self._write(f"\n\r\x1b[K{text[: self._writer.fullwidth - 1]}\x1b[A")
        self._drawn = True

    def _write(self, moves: str) -> None:
        column = self._writer.width_of_current_line % max(1, self._writer.fullwidth)
        back = f"\r\x1b[{column}C" if column else "\r"
        os.write(self._terminal, (moves + back).encode())
