"""One container for one task, on Docker Engine: started ahead of need, and gone when our end of its input closes.

Its process 1 is `inside/supervisor.py`, sent over its standard input, so that any image with Python serves. Nothing is
copied in or out, no log is kept, and every limit is the kernel's.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import signal
import socket
import struct
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_polecat.sandbox.errors import CandidateError, EndedError, MemoryLimitError, ProtocolError, SandboxError
from pytest_polecat.sandbox.labels import labels

if TYPE_CHECKING:
    import docker

_HERE = Path(__file__).parent
_BOOT_SECONDS = 20.0
_FRAME_AT_MOST = 16 << 20
_UIDS = range(20_000, 60_000)
_LENGTH = struct.Struct(">I")
_STREAM = struct.Struct(">BxxxI")
_STUB = (
    "import os\n"
    "def r(n):\n"
    " b=b''\n"
    " while len(b)<n:\n"
    "  p=os.read(0,n-len(b))\n"
    "  if not p:os._exit(0)\n"
    "  b+=p\n"
    " return b\n"
    "def s():return r(int.from_bytes(r(4),'big'))\n"
    "a=s();b=s()\n"
    "exec(compile(a,'supervisor.py','exec'),{'__name__':'__main__','SOURCE':b})\n"
)


@dataclass(frozen=True)
class Limits:
    """What a container may use: bytes of memory and of files, processes, processors."""

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


class Container:
    """A running container. `Link` of a `Session`; every method may be called from any thread."""

    def __init__(self, client: docker.DockerClient, image: str, limits: Limits, runtime: str | None) -> None:
        """Start it, without waiting until it is ready. Raises `SandboxError`."""
        self._client = client
        self._limits = limits
        self._sending = threading.Lock()
        self._closing = threading.Lock()
        self._closed = False
        self._data = bytearray()
        self.printed: dict[str, bytearray] = {"stdout": bytearray(), "stderr": bytearray()}
        self.cut = False
        self.python = ""
        api = client.api
        uid = _UIDS[secrets.randbelow(len(_UIDS))]
        self.id: str = api.create_container(
            image,
            command=["python3", "-I", "-S", "-c", _STUB],
            entrypoint=[],
            environment={"PATH": "/usr/local/bin:/usr/bin:/bin"},
            stdin_open=True,
            user=f"{uid}:{uid}",
            working_dir="/work",
            labels=labels(),
            host_config=api.create_host_config(**_host_config(limits, uid, runtime)),
        )["Id"]
        try:
            # Before the start: what comes along with the answer's head would be lost.
            self._attached = api.attach_socket(self.id, {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
            self._stream = _raw(self._attached)
            api.start(self.id)
            for names in (["supervisor"], ["codec", "candidate"]):
                source = b"\0".join((_HERE / "inside" / f"{name}.py").read_bytes() for name in names)
                self._stream.sendall(_LENGTH.pack(len(source)) + source)
        except BaseException:
            self.remove()
            raise

    def wait_ready(self, seconds: float = _BOOT_SECONDS) -> None:
        """Block until the supervisor waits for work. Raises `SandboxError` with what the container printed."""
        self._stream.settimeout(seconds)
        try:
            kind, payload = self._frame()
        except (CandidateError, SandboxError, OSError) as error:
            printed = bytes(self._data[:500]).decode(errors="replace").strip()
            raise SandboxError(f"a sandbox did not start: {printed or error}") from error
        if kind != b"r":
            raise SandboxError("a sandbox did not start: it answered something else")
        self.python = str(json.loads(payload).get("python"))
        self._stream.settimeout(None)

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
            self._printed(kind, payload)

    def kill(self) -> None:
        """End it at once: at the end of its input, process 1 ends, and everything with it."""
        self.close()

    # Commands

    def command(self, asked: dict[str, Any], timeout: float) -> dict[str, Any]:
        """Run a command to its end. Raises `SandboxError` if the sandbox itself is lost."""
        self._stream.settimeout(timeout)
        self._send(b"R", json.dumps(asked).encode())
        while True:
            kind, payload = self._frame()
            if kind == b"d":
                told: dict[str, Any] = json.loads(payload)
                return told

    # The end

    def close(self) -> None:
        """Close our end; the container removes itself. Again: nothing happens."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
        with contextlib.suppress(OSError):
            self._stream.shutdown(socket.SHUT_RDWR)
        self._stream.close()
        # The package reads from the same socket by this, which keeps it open.
        self._attached.close()

    def remove(self) -> None:
        """Make sure that it is gone."""
        if hasattr(self, "_stream"):
            self.close()
        import docker.errors

        # It is gone already, or goes.
        with contextlib.suppress(docker.errors.APIError, OSError):
            self._client.api.remove_container(self.id, force=True)

    def _ended(self, status: int, problem: str, memory: bool) -> CandidateError:
        """Why the candidate ended, by its exit status and the supervisor's account."""
        if problem:
            return ProtocolError(f"the candidate broke the protocol: {problem}")
        if memory and status == -signal.SIGKILL:
            return self._too_much_memory()
        if status < 0:
            return EndedError(f"the candidate's process was ended by signal {-status}")
        return EndedError(f"the candidate ended its process, with exit status {status}")

    def _lost(self) -> CandidateError | SandboxError:
        """The supervisor never ends by itself: the kernel ended it for the candidate's memory, or the engine did."""
        if self._closed:
            return EndedError("the sandbox was closed")
        if self._out_of_memory():
            return self._too_much_memory()
        return SandboxError("the sandbox was lost: Docker ended it, or went away; look at the daemon's log")

    def _too_much_memory(self) -> MemoryLimitError:
        return MemoryLimitError(f"the candidate took more than {self._limits.memory >> 20} MiB of memory")

    def _out_of_memory(self) -> bool:
        """Whether the engine saw that happen. It forgets the container at its end, but not at once what happened."""
        import docker.errors

        now = int(time.time())
        asked = {"container": self.id, "event": "oom"}
        try:
            return bool(list(self._client.api.events(since=now - 3600, until=now, filters=asked)))
        except (docker.errors.APIError, OSError):
            return False

    def _printed(self, kind: bytes, payload: bytes) -> None:
        if kind in (b"o", b"e"):
            self.printed["stdout" if kind == b"o" else "stderr"] += payload
        elif kind == b"t":
            self.cut = True

    def _send(self, kind: bytes, payload: bytes) -> None:
        try:
            with self._sending:
                self._stream.sendall(kind + _LENGTH.pack(len(payload)) + payload)
        except OSError as error:
            raise self._lost() from error

    def _frame(self) -> tuple[bytes, bytes]:
        """The supervisor's next frame, out of the standard output that Docker passes on."""
        while True:
            if len(self._data) >= 5:
                (length,) = _LENGTH.unpack_from(self._data, 1)
                if length > _FRAME_AT_MOST:
                    raise ProtocolError("a frame beyond the limit")
                if len(self._data) >= 5 + length:
                    kind, payload = bytes(self._data[:1]), bytes(self._data[5 : 5 + length])
                    del self._data[: 5 + length]
                    return kind, payload
            stream, size = _STREAM.unpack(self._exactly(_STREAM.size))
            piece = self._exactly(size)
            if stream == 1:
                self._data += piece

    def _exactly(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            try:
                piece = self._stream.recv(min(count - len(data), 1 << 16))
            except TimeoutError:
                raise SandboxError("the sandbox does not answer; look at the daemon's log") from None
            except OSError:
                piece = b""
            if not piece:
                raise self._lost()
            data += piece
        return bytes(data)


def _host_config(limits: Limits, uid: int, runtime: str | None) -> dict[str, Any]:
    own = f"nosuid,nodev,uid={uid},gid={uid},mode=0700"
    return {
        "network_mode": "none",
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges", f"seccomp={(_HERE / 'seccomp.json').read_text(encoding='utf-8')}"],
        "read_only": True,
        "tmpfs": {
            "/work": f"size={limits.files},nr_inodes=4096,{own}",
            "/tmp": f"size={limits.files},nr_inodes=4096,{own}",  # noqa: S108 - the container's own
        },
        "mem_limit": limits.memory,
        "memswap_limit": limits.memory,
        "pids_limit": limits.processes,
        "nano_cpus": int(limits.cpus * 1e9),
        "shm_size": 8 << 20,
        "ipc_mode": "private",
        "auto_remove": True,
        "log_config": {"Type": "none"},
        "runtime": runtime,
    }


def _raw(attached: Any) -> socket.socket:
    """The socket under what the package gives."""
    found: socket.socket = getattr(attached, "_sock", attached)
    return found
