"""When a request is repeated: for reasons of the machine alone, a bounded number of times, after a pause."""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

BUSY = (429, 503, 529)
"""HTTP statuses of a server that can't now; 529 is Anthropic's for an overload."""


@dataclass(frozen=True)
class RetryPolicy:
    """How often a request is repeated, and after how many seconds.

    `busy` repeats while the server says that it can't now (HTTP 429, 503, 529), `broken` after a broken connection or
    another server error. The delay doubles from `first_delay` on; a longer `Retry-After`, maybe of minutes, replaces
    it. `longest_delay` caps both.
    """

    busy: int = 6
    broken: int = 2
    first_delay: float = 0.5
    longest_delay: float = 300.0

    def delay(self, repeat: int, wanted: float | None = None) -> float:
        """Seconds before the repeat number `repeat` (from 1), given what the server's `Retry-After` wants."""
        backoff = self.first_delay * 2.0 ** (repeat - 1)
        return min(max(wanted or 0.0, backoff), self.longest_delay)


def seconds_of(retry_after: str | None) -> float | None:
    """The seconds of a `Retry-After` header (RFC 9110, 10.2.3: a number or a date); None if there is none to read."""
    if retry_after is None:
        return None
    if retry_after.strip().isdecimal():
        return float(retry_after)
    try:
        return (parsedate_to_datetime(retry_after).astimezone(UTC) - datetime.now(tz=UTC)).total_seconds()
    except (ValueError, OverflowError):
        return None
