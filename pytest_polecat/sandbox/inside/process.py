"""The candidate's process, as the supervisor holds it: what it says and prints, bounded, and never looked at."""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]
import _socket as socket
import os
import select
import struct
import sys

from pytest_polecat.sandbox.inside.kernel import ENVIRONMENT, come_after_parent, processor_seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

CAP = 8 << 20
"""Bytes of a message at most."""

PRINTED_CAP = 1 << 20
"""Bytes of output that are passed on; the rest is read and dropped, so that nobody waits for room."""

_PIECE = 1 << 16
_CHANNEL, _SOURCE = 3, 4
_LENGTH = struct.Struct(">I")
_RUN_CANDIDATE = """
import sys, types
codec, candidate = open(4, "rb").read().split(b"\\0")
module = sys.modules["pytest_polecat.sandbox.inside.codec"] = types.ModuleType("codec")
exec(compile(codec, "codec.py", "exec"), vars(module))
exec(compile(candidate, "candidate.py", "exec"), {"__name__": "candidate"})
"""


class CandidateProcess:
    """It has a channel for messages, and pipes for what it prints."""

    def __init__(self, source: bytes) -> None:
        ours, theirs = socket.socketpair()
        read, write = os.pipe()
        out, its_out = os.pipe()
        err, its_err = os.pipe()
        self.problem = ""
        self.pid: int | None = os.fork()
        if self.pid == 0:
            _become_candidate(theirs.fileno(), read, its_out, its_err)
        theirs.close()
        for fd in (read, its_out, its_err):
            os.close(fd)
        with open(write, "wb") as file:
            file.write(source)
        ours.setblocking(False)
        self.channel: socket.socket | None = ours
        self.pipes = {out: b"o", err: b"e"}
        self.inbox = bytearray()
        self.outbox = bytearray()
        self.printed = 0
        self.before = 0.0

    def used(self) -> float:
        """Processor seconds since the last message to it."""
        return max(0.0, processor_seconds(self.pid) - self.before)

    def sources(self) -> list[Any]:
        """What to watch for input."""
        return [*self.pipes, *([self.channel] if self.channel else [])]

    def hand(self, payload: bytes) -> None:
        """A message of the host's; who does not read it makes nobody wait."""
        self.before = processor_seconds(self.pid)
        if self.channel:
            self.outbox += _LENGTH.pack(len(payload)) + payload
            self.flush()

    def flush(self) -> None:
        """Send what can be sent now."""
        try:
            while self.channel and self.outbox:
                del self.outbox[: self.channel.send(self.outbox[:_PIECE])]
        except BlockingIOError:
            return
        except OSError:
            self.hang_up()

    def take(self, source: Any) -> Iterator[tuple[bytes, bytes]]:
        """The frames in what there is to read; what was printed before a message goes before it."""
        if source in self.pipes:
            yield from self.read_print(source)
            return
        for fd in [fd for fd in self.pipes if select.select([fd], [], [], 0)[0]]:
            yield from self.read_print(fd)
        yield from self.read_messages()

    def read_messages(self) -> Iterator[tuple[bytes, bytes]]:
        """The messages that are whole; one beyond the limit is the last."""
        try:
            data = self.channel.recv(_PIECE) if self.channel else b""
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.end("")
        self.inbox += data
        while len(self.inbox) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self.inbox)
            end = _LENGTH.size + length
            if length > CAP:
                self.end(f"a message of {length} bytes")
                return
            if len(self.inbox) < end:
                return
            yield b"c", bytes(self.inbox[_LENGTH.size : end])
            del self.inbox[:end]

    def read_print(self, fd: int) -> Iterator[tuple[bytes, bytes]]:
        """What was printed, up to the limit."""
        data = os.read(fd, _PIECE)
        if not data:
            os.close(fd)
            del self.pipes[fd]
            return
        room = PRINTED_CAP - self.printed
        self.printed += len(data)
        if room > 0:
            yield self.pipes[fd], data[:room]
        if len(data) > room >= 0:
            yield b"t", b""

    def rest(self) -> Iterator[tuple[bytes, bytes]]:
        """What is left to read after the end: a bounded look, since children may go on printing."""
        for _ in range(2 * CAP // _PIECE):
            ready = select.select(self.sources(), [], [], 0)[0]
            if not ready:
                break
            yield from self.take(ready[0])
        self.hang_up()

    def end(self, problem: str) -> None:
        """It can't be talked with any more."""
        self.hang_up()
        if self.pid is not None:
            self.problem = problem
            os.kill(self.pid, signal.SIGKILL)

    def hang_up(self) -> None:
        """Close the channel."""
        if self.channel:
            self.channel.close()
            self.channel = None
            self.inbox.clear()


def _become_candidate(channel: int, source: int, out: int, err: int) -> None:
    """In the forked child: a fresh interpreter with the candidate's side, and nothing of ours in it."""
    os.setsid()
    come_after_parent()
    null = os.open(os.devnull, os.O_RDONLY)
    wanted = {0: null, 1: out, 2: err, _CHANNEL: channel, _SOURCE: source}
    # First out of the way of the numbers that are wanted.
    moved = {number: os.dup2(fd, 100 + number) for number, fd in wanted.items()}
    for number, fd in moved.items():
        os.dup2(fd, number)
    os.closerange(5, 256)
    os.execve(sys.executable, [sys.executable, "-P", "-u", "-c", _RUN_CANDIDATE], ENVIRONMENT)  # noqa: S606
