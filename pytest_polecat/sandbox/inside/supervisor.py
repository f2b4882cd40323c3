"""Process 1 of a sandbox. It runs no candidate code: it passes messages on, and it ends everything when it should.

Standard input is a lease: at its end, everything in here dies. Between the host and this process go frames: a kind (1
byte), a length (4 bytes, big-endian) and a payload.

    from the host      C  a message for the candidate      R  run a command (JSON)       K  kill whatever runs
    to the host        c  a message of the candidate       d  how a command ended (JSON)
                       x  how the candidate ended (JSON)   r  ready (JSON)
                       o, e  what it printed               t  more was printed, and dropped

The candidate is a process of its own, started ahead of need; its messages (see `candidate.py`) have a length alone
before them. `SOURCE` is the source of its side, `codec.py` and `candidate.py`
with a zero byte between them; whoever starts this file sets it.

Only the standard library is used, and no value that came from the candidate is ever looked at.
"""

from __future__ import annotations

import base64
import json
import os
import select
import signal
import socket
import struct
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

CAP = 8 << 20
"""Bytes of a message at most."""

PRINTED_CAP = 1 << 20
"""Bytes of output that are passed on; the rest is read and dropped, so that nobody waits for room."""

ENVIRONMENT = {"HOME": "/tmp", "LANG": "C.UTF-8", "PATH": "/usr/local/bin:/usr/bin:/bin"}  # noqa: S108

_PIECE = 1 << 16
_CHANNEL, _SOURCE = 3, 4
_LENGTH = struct.Struct(">I")
_PR_SET_DUMPABLE = 4
_RUN_CANDIDATE = """
import sys, types
codec, candidate = open(4, "rb").read().split(b"\\0")
module = sys.modules["pytest_polecat.sandbox.inside.codec"] = types.ModuleType("codec")
exec(compile(codec, "codec.py", "exec"), vars(module))
exec(compile(candidate, "candidate.py", "exec"), {"__name__": "candidate"})
"""


def read_exactly(read: Callable[[int], bytes], count: int) -> bytes | None:
    """`count` bytes, None at the end of the stream."""
    data = bytearray()
    while len(data) < count:
        piece = read(min(count - len(data), _PIECE))
        if not piece:
            return None
        data += piece
    return bytes(data)


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
        self.candidate = Candidate(source)
        self.command: Command | None = None

    def run(self) -> None:
        """Until the lease ends."""
        self.tell(b"r", {"python": sys.version.split()[0], "uid": os.getuid()})
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
            if self.command and self.command.left() == 0:
                self.command.expire()
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
        head = read_exactly(_from_host, 5)
        payload = None if head is None else read_exactly(_from_host, _LENGTH.unpack(head[1:])[0])
        if head is None or payload is None:
            os._exit(0)
        if head[:1] == b"C":
            self.candidate.hand(payload)
        elif head[:1] == b"R":
            kill_everybody()
            self.command = Command(json.loads(payload))
            if self.command.pid is None:
                self.finish(None)
        elif head[:1] == b"K":
            kill_everybody()

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
        self.pass_on(iter([(kind, json.dumps(message).encode())]))


class Candidate:
    """The candidate's process. It has a channel for messages, and pipes for what it prints."""

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

    def sources(self) -> list[Any]:
        """What to watch for input."""
        return [*self.pipes, *([self.channel] if self.channel else [])]

    def hand(self, payload: bytes) -> None:
        """A message of the host's; who does not read it makes nobody wait."""
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
    null = os.open(os.devnull, os.O_RDONLY)
    wanted = {0: null, 1: out, 2: err, _CHANNEL: channel, _SOURCE: source}
    # First out of the way of the numbers that are wanted.
    moved = {number: os.dup2(fd, 100 + number) for number, fd in wanted.items()}
    for number, fd in moved.items():
        os.dup2(fd, number)
    os.closerange(5, 256)
    os.execve(sys.executable, [sys.executable, "-P", "-u", "-c", _RUN_CANDIDATE], ENVIRONMENT)  # noqa: S606


class Command:
    """A command under way. `asked` holds argv, files and stdin in base64, timeout in seconds, and output's limit."""

    def __init__(self, asked: dict[str, Any]) -> None:
        self.begin = time.monotonic()
        self.deadline = self.begin + asked["timeout"]
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
                    file.write(base64.b64decode(content))
            self.start(asked["argv"], base64.b64decode(asked["stdin"]))
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
                    argv, stdin=given, stdout=pipes[0][1], stderr=pipes[1][1], start_new_session=True, env=ENVIRONMENT
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

    def expire(self) -> None:
        """Its time is over."""
        self.limited = "time"
        kill_everybody()

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
        out, err = (base64.b64encode(kept).decode() for kept in self.printed)
        seconds = time.monotonic() - self.begin
        if status == -signal.SIGKILL and out_of_memory():
            self.limited = self.limited or "memory"
        end = {"status": status, "seconds": seconds, "limited": self.limited, "problem": self.problem}
        return {**end, "missing": self.missing, "stdout": out, "stderr": err}


def out_of_memory() -> bool:
    """Whether the kernel killed somebody in here for memory: its count, of cgroup version 2 or 1."""
    for path in ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"):
        try:
            with open(path) as file:
                return any(line.split() > ["oom_kill", "0"] for line in file if line.startswith("oom_kill "))
        except OSError:
            continue
    return False


def kill_everybody() -> None:
    """Kill every other process in here: all are of our user. It takes more than one blow if they fork."""
    for _ in range(100):
        try:
            os.kill(-1, signal.SIGKILL)
        except ProcessLookupError:
            return


def _from_host(count: int) -> bytes:
    return os.read(0, count)


def _be_unreadable() -> None:
    """Nobody of our user may look into this process, or take its descriptors."""
    import ctypes

    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


if __name__ == "__main__":
    _be_unreadable()
    Supervisor(globals()["SOURCE"]).run()
