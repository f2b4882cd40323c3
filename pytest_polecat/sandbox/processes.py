"""A process instead of a container, for whoever has no Docker and accepts it: THIS IS NO ISOLATION.

The same supervisor and the same candidate run as children of pytest, as its user, on its machine. They have a folder
of their own, an empty environment and the kernel's limits for processes, and they end with pytest. Only by the code's
good will do they leave the user's files, network and processes alone.
"""

from __future__ import annotations

import contextlib
import math
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from pytest_polecat.sandbox.engine import About
from pytest_polecat.sandbox.errors import CandidateError, EndedError, SandboxError
from pytest_polecat.sandbox.inside.kernel import kill_below
from pytest_polecat.sandbox.supervised import Limits, Supervised, stub

VARIABLE = "POLECAT_UNSAFE_PROCESS_SANDBOX"
"""The environment variable without which no code runs in a mere process."""

LABEL = "UNSAFE: --polecat-sandbox=process: code that a model wrote runs as your user on this machine, not isolated"

_END_SECONDS = 3.0
_TASKS_BESIDE = 1024
"""How many more processes and threads the user may have then, all told: the kernel counts no others."""

_PROCESSOR_SECONDS = 3600
_PRELUDE = """
import resource
for name, most in {limits!r}.items():
    number = getattr(resource, name)
    hard = resource.getrlimit(number)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(number, (most, most))
"""


def refusal(environment: Mapping[str, str]) -> str | None:
    """Why code may not run in a mere process here; None where the user has said that it may."""
    if not sys.platform.startswith("linux"):
        return "--polecat-sandbox=process needs Linux; use Docker"
    if environment.get(VARIABLE) != "1":
        return (
            "--polecat-sandbox=process is no isolation: code that a model wrote runs as your user on your machine, and "
            f"can read, change and send whatever you can; if you accept that, set {VARIABLE}=1 in the environment too"
        )
    return None


class ProcessEngine:
    """Makes sandboxes that are processes. Raises `SandboxError` where the user did not allow that."""

    def __init__(self, *, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        if why := refusal(os.environ):
            raise SandboxError(why)

    @property
    def about(self) -> About:
        """What goes into the record."""
        return About(image="", engine="process", runtime=f"Python {platform.python_version()}", isolated=False)

    def container(self) -> Process:
        """A sandbox that is ready."""
        try:
            made = Process(self.limits)
        except OSError as error:
            raise SandboxError(f"a sandbox could not be started: {error}") from error
        try:
            made.wait_ready()
        except BaseException:
            made.remove()
            raise
        return made

    def sweep(self) -> int:
        """There is nothing to remove: none outlives its run."""
        return 0

    def close(self) -> None:
        """There is nothing to close."""


class Process(Supervised):
    """A supervisor and a candidate, children of this process. They end at the end of their input, as a container does.

    `id` is the supervisor's process id, `folder` goes with it.
    """

    def __init__(self, limits: Limits) -> None:
        """Start it, without waiting until it is ready. Raises `OSError`."""
        super().__init__(limits)
        self.folder = Path(tempfile.mkdtemp(prefix="polecat-sandbox-"))
        work = self.folder / "work"
        work.mkdir()
        code = _PRELUDE.format(limits=_resources(limits)) + stub(str(self.folder))
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed in `remove`
        self._stream, theirs = socket.socketpair()
        self._process: subprocess.Popen[bytes] | None = None
        try:
            with theirs:
                self._process = subprocess.Popen(
                    [sys.executable, "-I", "-S", "-c", code],
                    stdin=theirs.fileno(),
                    stdout=theirs.fileno(),
                    stderr=self._log,
                    cwd=work,
                    env={},
                    start_new_session=True,
                )
            self.id = str(self._process.pid)
            with contextlib.suppress(OSError):  # It has ended: `wait_ready` says why.
                self._hand_over()
        except BaseException:
            self.remove()
            raise

    def used(self, seconds: float) -> float | None:
        """No engine can hang here: a supervisor that does not answer was stopped by the candidate, whose time it is."""
        found = super().used(seconds)
        self.lost = False
        return math.inf if found is None else found

    def remove(self) -> None:
        """Make sure that it is gone, with its folder."""
        self.close()
        if self._process is not None:
            _await_end(self._process)
        self._log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _piece(self) -> bytes:
        return self._receive(1 << 16)

    def _why_lost(self) -> CandidateError | SandboxError:
        """No engine can fail here: whoever ends the supervisor by a signal is the candidate, or acts for its sake."""
        status = _await_end(self._process) if self._process is not None else 0
        if status < 0:
            return EndedError(f"the candidate's sandbox was ended by signal {-status}")
        return SandboxError(f"the sandbox ended: {self._boot_log() or 'it said nothing'}")

    def _boot_log(self) -> str:
        with contextlib.suppress(OSError, ValueError):
            return os.pread(self._log.fileno(), 2000, 0).decode(errors="replace").strip()[-500:]
        return ""


def _await_end(supervisor: subprocess.Popen[bytes]) -> int:
    """Wait for the end of one whose input has ended, or that is ending: its exit status. It is killed if need be."""
    # The candidate may have stopped it.
    supervisor.send_signal(signal.SIGCONT)
    try:
        return supervisor.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        kill_below(supervisor.pid)
        supervisor.kill()
        return supervisor.wait()


def _resources(limits: Limits) -> dict[str, int]:
    """The kernel's limits for each process, by their names.

    Memory counts before it is used, 8 MiB for each thread, so there is twice as much of it, and more of address space.
    """
    return {
        "RLIMIT_DATA": 2 * limits.memory,
        "RLIMIT_AS": 8 * limits.memory,
        "RLIMIT_FSIZE": limits.files,
        "RLIMIT_NOFILE": 256,
        "RLIMIT_NPROC": _tasks() + _TASKS_BESIDE,
        "RLIMIT_CPU": _PROCESSOR_SECONDS,
        "RLIMIT_CORE": 0,
    }


def _tasks() -> int:
    """How many threads our user has now, at most: those of everybody."""
    return int(Path("/proc/loadavg").read_text(encoding="ascii").split()[3].partition("/")[2])
