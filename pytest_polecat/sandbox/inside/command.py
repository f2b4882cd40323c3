"""A command in a sandbox: a process with files and input of the host's, whose output and time are bounded."""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]
import binascii
import os
import select
import time

from pytest_polecat.sandbox.inside.kernel import (
    ENVIRONMENT,
    come_after_parent,
    kill_everybody,
    more_time,
    out_of_memory,
    processor_seconds,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_PIECE = 1 << 16


class Command:
    """A command under way. `asked` holds argv, files and stdin in base64, timeout in seconds, and output's limit."""

    def __init__(self, asked: dict[str, Any]) -> None:
        self.begin = time.monotonic()
        self.limit = asked["timeout"]
        self.deadline = self.begin + self.limit
        self.cap = asked["output"]
        self.limited: str | None = None
        self.problem = ""
        self.missing = False
        self.pid: int | None = None
        self.printed: list[bytearray] = [bytearray(), bytearray()]
        self.pipes: dict[int, bytearray] = {}
        try:
            for path, content in asked["files"].items():
                os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
                with open(path, "wb") as file:
                    file.write(binascii.a2b_base64(content))
            self.start(asked["argv"], binascii.a2b_base64(asked["stdin"]))
        except OSError as error:
            self.problem = str(error)
            self.missing = isinstance(error, FileNotFoundError) and "/" not in asked["argv"][0]

    def start(self, argv: list[str], stdin: bytes) -> None:
        """The process, with a file as its standard input: nobody has to feed it."""
        import subprocess
        import tempfile

        pipes = [os.pipe(), os.pipe()]
        with tempfile.TemporaryFile() as given:
            given.write(stdin)
            given.seek(0)
            try:
                process = subprocess.Popen(
                    argv,
                    stdin=given,
                    stdout=pipes[0][1],
                    stderr=pipes[1][1],
                    start_new_session=True,
                    env=ENVIRONMENT,
                    preexec_fn=come_after_parent,  # noqa: PLW1509 - no other threads
                )
            finally:
                for _, write in pipes:
                    os.close(write)
        process.returncode = 0  # we reap it ourselves
        self.pid = process.pid
        self.pipes = {read: kept for (read, _), kept in zip(pipes, self.printed, strict=True)}

    def left(self) -> float | None:
        """Seconds until the deadline; None once something ended it."""
        return max(0.0, self.deadline - time.monotonic()) if self.limited != "time" else None

    def expire(self) -> bool:
        """Its time is over: whether it really is."""
        now = time.monotonic()
        more = more_time(processor_seconds(self.pid), now - self.begin, self.limit)
        if more:
            self.deadline = now + more
            return False
        self.limited = "time"
        kill_everybody()
        return True

    def take(self, fd: int) -> None:
        """Keep what was printed, up to the limit."""
        data = os.read(fd, _PIECE)
        kept = self.pipes[fd]
        if not data:
            os.close(fd)
            del self.pipes[fd]
        elif len(kept) + len(data) > self.cap:
            self.limited = self.limited or "output"
        kept += data[: self.cap - len(kept)]

    def told(self, status: int | None) -> dict[str, Any]:
        """The end, for the host."""
        for fd in list(self.pipes):
            while fd in self.pipes and select.select([fd], [], [], 0)[0]:
                self.take(fd)
            if fd in self.pipes:
                os.close(fd)
        out, err = (binascii.b2a_base64(kept, newline=False).decode() for kept in self.printed)
        seconds = time.monotonic() - self.begin
        if status == -signal.SIGKILL and out_of_memory():
            self.limited = self.limited or "memory"
        end = {"status": status, "seconds": seconds, "limited": self.limited, "problem": self.problem}
        return {**end, "missing": self.missing, "stdout": out, "stderr": err}
