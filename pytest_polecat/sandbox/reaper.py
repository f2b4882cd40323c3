"""A process that outlives a killed pytest and removes its containers.

A container ends by itself when our end of its input closes; but one that was made and not yet started has nothing in it
that could notice, and would stay until another run sweeps it away.

    python -m pytest_polecat.sandbox.reaper LABEL=VALUE ...

However the parent dies, SIGKILL included, the kernel closes its end of our standard input. Without a farewell before
that, every container with these labels is removed.
"""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import time
from collections.abc import Sequence

from pytest_polecat.sandbox.labels import labels

_PARENT_LOOK = 1.0
_SECONDS = 5.0
"""How long it looks for containers: the daemon may still be making one that was asked for last."""
_PAUSE = 0.5


class Reaper:
    """Watches this process, until it is closed."""

    def __init__(self) -> None:
        owned = [f"{name}={value}" for name, value in labels().items()]
        self._process = subprocess.Popen(
            # -P: a file in the current folder must not pass for a module of ours.
            [sys.executable, "-P", "-m", __name__, *owned],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def close(self) -> None:
        """Say farewell: nothing is left to remove."""
        self._process.communicate(b".")


def _farewell() -> bool:
    """Wait for the parent's end: whether it said so."""
    parent = os.getppid()
    while not select.select([sys.stdin], [], [], _PARENT_LOOK)[0]:
        if os.getppid() != parent:
            # A fork of the parent may still hold the pipe open.
            return False
    return bool(os.read(sys.stdin.fileno(), 1))


def _remove(owned: Sequence[str]) -> None:
    import docker.errors

    from pytest_polecat.sandbox.daemon import connect
    from pytest_polecat.sandbox.errors import SandboxError

    deadline = time.monotonic() + _SECONDS
    with contextlib.suppress(SandboxError, docker.errors.DockerException, OSError), contextlib.closing(connect()) as to:
        while time.monotonic() < deadline:
            for each in to.api.containers(all=True, filters={"label": list(owned)}):
                with contextlib.suppress(docker.errors.APIError):
                    to.api.remove_container(each["Id"], force=True)
            time.sleep(_PAUSE)


if __name__ == "__main__" and not _farewell():
    _remove(sys.argv[1:])
