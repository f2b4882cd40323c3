"""A sandbox from outside: frames to and from its supervisor (`inside/supervisor.py`), over whatever leads there.

`containers.py` and `processes.py` are the two ways there; everything that they share stands here.
"""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import struct
import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pytest_polecat.sandbox.errors import (
    CandidateError,
    EndedError,
    LostError,
    MemoryLimitError,
    ProtocolError,
    SandboxError,
)

INSIDE = Path(__file__).parent / "inside"
"""The folder of what runs inside."""

SUPERVISOR = ("kernel", "command", "process", "supervisor")
CANDIDATE = ("codec", "candidate")
"""The modules of the supervisor, and of the candidate's side: each after those that it needs, the main one last."""

_BOOT_SECONDS = 20.0
_FRAME_AT_MOST = 16 << 20
_LENGTH = struct.Struct(">I")

NO_ANSWER = "the sandbox does not answer; look at the daemon's log"

_STUB = """
import os, sys
def r(n):
    b = b""
    while len(b) < n:
        p = os.read(0, n - len(b))
        if not p:
            os._exit(0)
        b += p
    return b
def s():
    return r(int.from_bytes(r(4), "big"))
for n in {names!r}:
    m = sys.modules["pytest_polecat.sandbox.inside." + n] = type(sys)(n)
    m.FOLDER = {folder!r}
    exec(compile(s(), n + ".py", "exec"), vars(m))
m.main(s())
"""


def stub(folder: str | None = None) -> str:
    """What Python runs first inside: it reads the supervisor from its standard input, and becomes it.

    `folder` is one that goes with it, outside of a container.
    """
    return _STUB.format(names=SUPERVISOR, folder=folder)


@cache
def _sources() -> tuple[bytes, ...]:
    """What a stub reads: the supervisor's modules, and those of the candidate's side in one."""
    supervisor, candidate = (
        [(INSIDE / f"{name}.py").read_bytes() for name in names] for names in (SUPERVISOR, CANDIDATE)
    )
    return *supervisor, b"\0".join(candidate)


@dataclass(frozen=True)
class Limits:
    """What a sandbox may use: bytes of memory and of files, processes, processors."""

    memory: int = 512 << 20
    files: int = 64 << 20
    processes: int = 96
    cpus: float = 1.0


@dataclass(frozen=True)
class Finished:
    """How a command ended: its exit status (negative: the signal), its output, and what limited it, if anything."""

    status: int | None
    stdout: bytes
    stderr: bytes
    seconds: float
    limited: str | None = None


class Supervised(ABC):
    """A running sandbox. `Link` of a `Session`; every method may be called from any thread.

    `id` is its name where it runs, `python` the version inside, `printed` what the candidate printed (`stdout` and
    `stderr`), `cut` whether it printed more than that, `lost` whether the engine failed it.
    """

    id: str

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._stream: socket.socket | None = None
        self._sending = threading.Lock()
        self._closing = threading.Lock()
        self._closed = False
        self._data = bytearray()
        self.printed: dict[str, bytearray] = {"stdout": bytearray(), "stderr": bytearray()}
        self.cut = False
        self.lost = False
        self.python = ""
        self._answered = threading.Event()
        self._used = 0.0

    # What leads there

    @abstractmethod
    def remove(self) -> None:
        """Make sure that it is gone."""

    @abstractmethod
    def _piece(self) -> bytes:
        """Some bytes of what the supervisor writes, by `_receive`."""

    @abstractmethod
    def _why_lost(self) -> CandidateError | SandboxError:
        """The supervisor never ends by itself: why it is gone."""

    @abstractmethod
    def _boot_log(self) -> str:
        """What was printed by one that did not become a supervisor."""

    # The start

    def _hand_over(self) -> None:
        """Send the supervisor, and the candidate's side."""
        for source in _sources():
            self._there.sendall(_LENGTH.pack(len(source)) + source)

    def wait_ready(self, seconds: float = _BOOT_SECONDS) -> None:
        """Block until the supervisor waits for work. Raises `SandboxError` with what was printed."""
        self._there.settimeout(seconds)
        try:
            kind, payload = self._frame()
        except (CandidateError, SandboxError, OSError) as error:
            raise SandboxError(f"a sandbox did not start: {self._boot_log() or error}") from error
        if kind != b"r":
            raise SandboxError("a sandbox did not start: it answered something else")
        self.python = str(json.loads(payload).get("python"))
        self._there.settimeout(None)

    def idle(self) -> bool:
        """Whether one that is ready still waits for work: until then, the supervisor says nothing, and does not end."""
        try:
            self._there.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return True
        except (CandidateError, SandboxError, OSError):
            return False
        return False

    # The link to the candidate

    def send(self, payload: bytes) -> None:
        """A message for the candidate."""
        self._send(b"C", payload)

    def receive(self) -> bytes:
        """The candidate's next message; an error says why there is none any more."""
        while True:
            kind, payload = self._frame()
            if kind == b"c":
                return payload
            if kind == b"x":
                raise self._ended(**json.loads(payload))
            self._heed(kind, payload)

    def used(self, seconds: float) -> float | None:
        """Processor seconds that the candidate has taken since the last message to it; `receive` has to run.

        The supervisor answers that, whatever the candidate does: None if it does not within so many seconds.
        """
        self._answered.clear()
        try:
            self._send(b"P", b"")
        except (CandidateError, SandboxError):
            return None
        if not self._answered.wait(seconds):
            self.lost = True
        return None if self.lost else self._used

    def kill(self) -> None:
        """End it at once: at the end of its input, the supervisor ends, and everything with it."""
        self.close()

    # Commands

    def command(self, asked: dict[str, Any], timeout: float) -> dict[str, Any]:
        """Run a command to its end. Raises `LostError` if the sandbox itself says nothing for `timeout` seconds."""
        self._there.settimeout(timeout)
        self._send(b"R", json.dumps(asked).encode())
        while True:
            kind, payload = self._frame()
            if kind == b"d":
                told: dict[str, Any] = json.loads(payload)
                return told

    # The end

    def close(self) -> None:
        """Close our end; the sandbox ends itself. Again: nothing happens."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
        if self._stream is not None:
            with contextlib.suppress(OSError):
                self._stream.shutdown(socket.SHUT_RDWR)
            self._stream.close()

    def _ended(self, status: int, problem: str, memory: bool) -> CandidateError:
        """Why the candidate ended, by its exit status and the supervisor's account."""
        if problem:
            return ProtocolError(f"the candidate broke the protocol: {problem}")
        if memory and status == -signal.SIGKILL:
            return self._too_much_memory()
        if status < 0:
            return EndedError(f"the candidate's process was ended by signal {-status}")
        return EndedError(f"the candidate ended its process, with exit status {status}")

    def _too_much_memory(self) -> MemoryLimitError:
        return MemoryLimitError(f"the candidate took more than {self._limits.memory >> 20} MiB of memory")

    def _lost(self) -> CandidateError | SandboxError:
        if self._closed:
            return EndedError("the sandbox was closed")
        error = self._why_lost()
        self.lost = self.lost or isinstance(error, LostError)
        return error

    def _heed(self, kind: bytes, payload: bytes) -> None:
        if kind == b"p":
            self._used = float(payload)
            self._answered.set()
        elif kind in (b"o", b"e"):
            self.printed["stdout" if kind == b"o" else "stderr"] += payload
        elif kind == b"t":
            self.cut = True

    # Frames

    @property
    def _there(self) -> socket.socket:
        if self._stream is None:
            raise self._lost()
        return self._stream

    def _send(self, kind: bytes, payload: bytes) -> None:
        try:
            with self._sending:
                self._there.sendall(kind + _LENGTH.pack(len(payload)) + payload)
        except OSError as error:
            raise self._lost() from error

    def _frame(self) -> tuple[bytes, bytes]:
        """The supervisor's next frame."""
        while True:
            if len(self._data) >= 5:
                (length,) = _LENGTH.unpack_from(self._data, 1)
                if length > _FRAME_AT_MOST:
                    raise ProtocolError("a frame beyond the limit")
                if len(self._data) >= 5 + length:
                    kind, payload = bytes(self._data[:1]), bytes(self._data[5 : 5 + length])
                    del self._data[: 5 + length]
                    return kind, payload
            self._data += self._piece()

    def _receive(self, at_most: int) -> bytes:
        """Some bytes of the stream, at least one."""
        try:
            piece = self._there.recv(min(at_most, 1 << 16))
        except TimeoutError:
            self.lost = True
            raise LostError(NO_ANSWER) from None
        except OSError:
            piece = b""
        if not piece:
            raise self._lost()
        return piece

    def _exactly(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            data += self._receive(count - len(data))
        return bytes(data)
