"""The first process of a sandbox. It runs no candidate code: it passes messages on, and ends everything when it should.

In a container it is process 1. Outside of one (`processes.py`) it has to do itself what the kernel does there.

Standard input is a lease: at its end, everything in here dies. Between the host and this process go frames: a kind (1
byte), a length (4 bytes, big-endian) and a payload.

    from the host      C  a message for the candidate      R  run a command (JSON)       K  kill whatever runs
                       P  say that you are there
    to the host        c  a message of the candidate       d  how a command ended (JSON)
                       x  how the candidate ended (JSON)   r  ready (JSON)
                       o, e  what it printed               t  more was printed, and dropped
                       p  I am there

The candidate is a process of its own, started ahead of need; its messages (see `candidate.py`) have a length alone
before them.

Only the standard library is used, and no value that came from the candidate is ever looked at.
"""

from __future__ import annotations

# This process starts anew for every task, and what `signal`, `socket` and `json` import takes longer than all the rest.
import _signal as signal  # type: ignore[import-not-found]
import os
import select
import struct
import sys

from pytest_polecat.sandbox.inside.command import Command
from pytest_polecat.sandbox.inside.kernel import be_like_process_1, be_unreadable, kill_everybody, leave, out_of_memory
from pytest_polecat.sandbox.inside.process import CandidateProcess

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_PIECE = 1 << 16
_LENGTH = struct.Struct(">I")


def main(source: bytes) -> None:
    """Supervise until the lease ends. `source` holds the candidate's side: two modules with a zero byte between."""
    be_unreadable()
    be_like_process_1()
    try:
        Supervisor(source).run()
    finally:
        leave()


class Supervisor:
    """Single-threaded: everything that happens wakes the same `select`."""

    def __init__(self, source: bytes) -> None:
        self.woken, wake = os.pipe()
        os.set_blocking(self.woken, False)
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        # The candidate may send it. Without a handler, process 1 does not get it.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        self.candidate = CandidateProcess(source)
        self.command: Command | None = None

    def run(self) -> None:
        """Until the lease ends."""
        self.pass_on(iter([(b"r", b'{"python": "%s"}' % sys.version.split()[0].encode())]))
        while True:
            pipes = self.command.pipes if self.command else {}
            writers = [self.candidate.channel] if self.candidate.channel and self.candidate.outbox else []
            readers = [0, self.woken, *pipes, *self.candidate.sources()]
            ready, free, _ = select.select(readers, writers, [], self.command.left() if self.command else None)
            if self.woken in ready:
                os.read(self.woken, _PIECE)
            if free:
                self.candidate.flush()
            for source in ready:
                self.heed(source)
            if self.command and self.command.left() == 0 and not self.command.expire():
                self.pass_on(iter([(b"p", b"0")]))  # the host is to wait as long again
            self.reap()

    def heed(self, source: Any) -> None:
        """See to one source that has something to say."""
        if source == 0:
            self.obey()
        elif self.command and source in self.command.pipes:
            self.command.take(source)
        elif source in self.candidate.sources():
            self.pass_on(self.candidate.take(source))

    def obey(self) -> None:
        """Do what the host's next frame says; at the end of the stream, end everything by ending."""
        head = read_exactly(5)
        payload = None if head is None else read_exactly(_LENGTH.unpack(head[1:])[0])
        if head is None or payload is None:
            leave()
            os._exit(0)
        if head[:1] == b"C":
            self.candidate.hand(payload)
        elif head[:1] == b"R":
            kill_everybody()
            import json

            self.command = Command(json.loads(payload))
            if self.command.pid is None:
                self.finish(None)
        elif head[:1] == b"K":
            kill_everybody()
        elif head[:1] == b"P":
            self.pass_on(iter([(b"p", b"%.3f" % self.candidate.used())]))

    def reap(self) -> None:
        """See to whoever ended; orphans are ours too."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self.candidate.pid:
                self.candidate.pid = None
                self.pass_on(self.candidate.rest())
                exit_code = os.waitstatus_to_exitcode(status)
                self.tell(b"x", {"status": exit_code, "problem": self.candidate.problem, "memory": out_of_memory()})
            elif self.command and pid == self.command.pid:
                self.finish(os.waitstatus_to_exitcode(status))

    def finish(self, status: int | None) -> None:
        """A command ended: whatever it left behind ends too."""
        kill_everybody()
        if self.command:
            self.tell(b"d", self.command.told(status))
        self.command = None

    def pass_on(self, frames: Iterator[tuple[bytes, bytes]]) -> None:
        """Frames to the host."""
        for kind, payload in frames:
            view = memoryview(kind + _LENGTH.pack(len(payload)) + payload)
            while view:
                view = view[os.write(1, view) :]

    def tell(self, kind: bytes, message: dict[str, Any]) -> None:
        """A frame of JSON to the host."""
        import json

        self.pass_on(iter([(kind, json.dumps(message).encode())]))


def read_exactly(count: int) -> bytes | None:
    """`count` bytes of the host's, None at the end of the stream."""
    data = bytearray()
    while len(data) < count:
        piece = os.read(0, min(count - len(data), _PIECE))
        if not piece:
            return None
        data += piece
    return bytes(data)
