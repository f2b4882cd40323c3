"""How long an answer may take before something is amiss, judged by what the server's answers took so far."""

from __future__ import annotations

GRACE = 30.0
"""Seconds on top, for what no rate explains: a model that is swapped in, a machine that is busy for a moment."""

_TIMES = 4.0
"""Times the slowest rate seen: longer contexts are slower, and so are full slots."""


class Pace:
    """The slowest rates that a server has shown, in seconds per generated token and per byte of a request.

    Both are taken from the whole time of an answer, so that each alone overestimates.
    """

    def __init__(self, grace: float = GRACE) -> None:
        self._grace = grace
        self._per_token = 0.0
        self._per_byte = 0.0

    def observe(self, seconds: float, *, tokens: int | None, sent: int) -> None:
        """Take note of an answer of `tokens` to a request of `sent` bytes."""
        if tokens:
            self._per_token = max(self._per_token, seconds / tokens)
            self._per_byte = max(self._per_byte, seconds / sent)

    def due(self, *, budget: int | None, sent: int) -> float | None:
        """Seconds after which an answer of at most `budget` tokens should be there.

        None while no answer was seen, and for one without a limit.
        """
        if not self._per_token or budget is None or budget < 0:
            return None
        return self._grace + _TIMES * (self._per_token * budget + self._per_byte * sent)
