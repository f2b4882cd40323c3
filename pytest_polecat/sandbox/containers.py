"""One container for one task, on Docker Engine: started ahead of need, and gone when our end of its input closes.

Its process 1 is `inside/supervisor.py`, sent over its standard input, so that any image with Python serves. Nothing is
copied in or out, no log is kept, and every limit is the kernel's.
"""

from __future__ import annotations

import contextlib
import secrets
import socket
import struct
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_polecat.sandbox.errors import CandidateError, LostError, SandboxError
from pytest_polecat.sandbox.labels import labels
from pytest_polecat.sandbox.supervised import Limits, Supervised, stub

if TYPE_CHECKING:
    import docker
    import docker.errors
    import docker.types

_HERE = Path(__file__).parent
HOSTS = _HERE / "hosts"
"""What stands in a container's `/etc/hosts`."""

_NO_WAY = ("bind source path does not exist", "mounts denied", "error mounting", "not shared")
_UIDS = range(20_000, 60_000)
_STREAM = struct.Struct(">BxxxI")


class Container(Supervised):
    """A running container."""

    def __init__(
        self, client: docker.DockerClient, image: str, limits: Limits, runtime: str | None, *, hosts: bool = True
    ) -> None:
        """Start it, without waiting until it is ready. Raises `SandboxError`, and the package's errors.

        `hosts` tells that the name `localhost` shall be known in it, by a file of this machine.
        """
        super().__init__(limits)
        self._client = client
        self._attached: Any = None
        api = client.api
        uid = _UIDS[secrets.randbelow(len(_UIDS))]
        self.id = api.create_container(
            image,
            command=["python3", "-I", "-S", "-c", stub()],
            entrypoint=[],
            environment={"PATH": "/usr/local/bin:/usr/bin:/bin"},
            stdin_open=True,
            user=f"{uid}:{uid}",
            working_dir="/work",
            labels=labels(),
            # Beside the mode `none`: it halves the time of a start, and Docker's own networking, which has come to a
            # standstill when many containers joined and left at once, is not asked at all.
            network_disabled=True,
            host_config=api.create_host_config(**_host_config(limits, uid, runtime), mounts=_hosts() if hosts else []),
        )["Id"]
        try:
            # Before the start: what comes along with the answer's head would be lost.
            self._attached = api.attach_socket(self.id, {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
            self._stream = _raw(self._attached)
            api.start(self.id)
            self._hand_over()
        except BaseException:
            self.remove()
            raise

    def close(self) -> None:
        """Close our end; the container removes itself. Again: nothing happens."""
        super().close()
        if self._attached is not None:
            # The package reads from the same socket by this, which keeps it open.
            self._attached.close()

    def remove(self) -> None:
        """Make sure that it is gone."""
        self.close()
        import docker.errors

        # It is gone already, or goes.
        with contextlib.suppress(docker.errors.APIError, OSError):
            self._client.api.remove_container(self.id, force=True)

    def _piece(self) -> bytes:
        """Some of the standard output, out of what Docker passes on: pieces of both outputs, each with a head."""
        while True:
            stream, size = _STREAM.unpack(self._exactly(_STREAM.size))
            piece = self._exactly(size)
            if stream == 1:
                return piece

    def _why_lost(self) -> CandidateError | SandboxError:
        """The kernel ended the supervisor for the candidate's memory, or the engine did."""
        if self._out_of_memory():
            return self._too_much_memory()
        return LostError("the sandbox was lost: Docker ended it, or went away; look at the daemon's log")

    def _boot_log(self) -> str:
        return bytes(self._data[:500]).decode(errors="replace").strip()

    def _out_of_memory(self) -> bool:
        """Whether the engine saw that happen. It forgets the container at its end, but not at once what happened."""
        import docker.errors

        now = int(time.time())
        asked = {"container": self.id, "event": "oom"}
        try:
            return bool(list(self._client.api.events(since=now - 3600, until=now, filters=asked)))
        except (docker.errors.APIError, OSError):
            return False


def refuses_mount(error: docker.errors.APIError) -> bool:
    """Whether the engine has no way to the files of this machine: it runs elsewhere, or shares other folders."""
    text = str(error.explanation or error).lower()
    return any(sign in text for sign in _NO_WAY)


def _hosts() -> list[docker.types.Mount]:
    """Where it has no network, Docker leaves this file empty."""
    import docker.types

    return [docker.types.Mount("/etc/hosts", str(HOSTS), type="bind", read_only=True)]


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
