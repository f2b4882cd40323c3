"""What arrives of an answer."""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus


@dataclass
class Inbox:
    """What has arrived of one answer, kept outside of the receiving so that an interruption does not lose it.

    `limit` is the most bytes that are taken. `headers` have lower-case names. `arrivals` holds (bytes so far,
    `perf_counter` time) for each read.
    """

    limit: int
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    data: bytearray = field(default_factory=bytearray)
    arrivals: list[tuple[int, float]] = field(default_factory=list)

    def take(self, data: bytes, now: float) -> bool:
        """Add what has arrived at this `perf_counter` time; whether more is wanted."""
        self.data += data
        self.arrivals.append((len(self.data), now))
        return not self.flooded

    @property
    def flooded(self) -> bool:
        """Whether more arrived than is taken."""
        return len(self.data) > self.limit

    @property
    def streams(self) -> bool:
        """Whether the answer is a stream of events."""
        return self.status == HTTPStatus.OK and "text/event-stream" in self.headers.get("content-type", "")

    @property
    def succeeded(self) -> bool:
        """Whether the server says that it did what was asked."""
        return 200 <= (self.status or 0) < 300

    def arrived(self, end: int) -> float:
        """The `perf_counter` time at which the first `end` bytes were there."""
        return self.arrivals[bisect_left(self.arrivals, (end, 0.0))][1]

    def hide(self, secret: str) -> None:
        """Overwrite a secret that the server quotes, byte for byte: kept replies are no place for it."""
        hidden = secret.encode()
        if hidden in self.data:
            self.data = self.data.replace(hidden, b"*" * len(hidden))
