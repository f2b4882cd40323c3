"""Run a command for as long as our standard input stays open, which is as long as our parent lives.

    python lifeline.py [--grace SECONDS] COMMAND [ARGUMENT...]

However the parent dies, SIGKILL included, the kernel closes its end of the pipe. The command, in a process group of
its own, then gets SIGTERM, after `grace` seconds a second one (llama-server takes it as "at once"), after half as long
again SIGKILL. Whatever it left running in its group is killed. SIGTERM and SIGHUP to the lifeline do the same; SIGINT
is the parent's affair.

The lifeline ends as the command ended: with its exit status, or by the same signal, so that the parent's `wait` tells
the truth. 127: the command could not be started. On Linux the command also dies with the lifeline itself
(PR_SET_PDEATHSIG).

Only the standard library is imported, and little of it: this is also run with `-I -S`, outside any environment.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable

GRACE = 4.0
"""Seconds between the first SIGTERM and the second."""

LAST_WAIT = 2.0
"""Seconds that a killed command may take to be gone (the kernel may be busy freeing its memory)."""

_PR_SET_PDEATHSIG = 1
_PARENT_LOOK = 1.0


def bound(grace: float) -> float:
    """The seconds within which a lifeline is gone once it was asked to stop."""
    return grace * 1.5 + LAST_WAIT


class Lifeline:
    """One command, watched. Single-threaded: signals and the pipe wake the same `select`."""

    def __init__(self, command: list[str], grace: float) -> None:
        self.parent = os.getppid()
        self.grace = grace
        self.steps: list[tuple[float, int]] = []
        self.wakeup, wake = os.pipe()
        os.set_blocking(self.wakeup, False)
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGCHLD):
            # A handler rather than SIG_IGN, which the command would inherit.
            signal.signal(number, _only_wake)
        self.child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            process_group=0,
            preexec_fn=_die_with_the_lifeline(),  # noqa: PLW1509 - there is one thread
        )

    def run(self) -> int:
        """Wait for the command's end, hastening it when asked to; its status as `Popen` has it (negative: signal)."""
        watched = [self.wakeup, sys.stdin.fileno()]
        while not self._ended():
            ready, _, _ = select.select(watched, [], [], self._pause())
            if self.wakeup in ready and self._told_to_stop():
                self._begin_stopping()
            if sys.stdin.fileno() in ready and not os.read(sys.stdin.fileno(), 4096):
                watched.remove(sys.stdin.fileno())
                self._begin_stopping()
            if os.getppid() != self.parent:
                # A fork of the parent may still hold the pipe open.
                self._begin_stopping()
            if not self._take_due_steps():
                return -signal.SIGKILL
        self._signal_group(signal.SIGKILL)
        return self.child.wait()

    def _ended(self) -> bool:
        # The zombie is left: until it is reaped nobody else can get its process group's number.
        return os.waitid(os.P_PID, self.child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _pause(self) -> float:
        return max(0.0, self.steps[0][0] - time.monotonic()) if self.steps else _PARENT_LOOK

    def _told_to_stop(self) -> bool:
        return any(number in (signal.SIGTERM, signal.SIGHUP) for number in os.read(self.wakeup, 4096))

    def _begin_stopping(self) -> None:
        if not self.steps:
            now = time.monotonic()
            self.steps = [
                (now, signal.SIGTERM),
                (now + self.grace, signal.SIGTERM),
                (now + self.grace * 1.5, signal.SIGKILL),
                (now + bound(self.grace), 0),
            ]

    def _take_due_steps(self) -> bool:
        """Send what is due; False when even SIGKILL did not end the command in time."""
        while self.steps and self.steps[0][0] <= time.monotonic():
            _, number = self.steps.pop(0)
            if not number:
                return False
            self._signal_group(number)
        return True

    def _signal_group(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.child.pid, number)


def _only_wake(_number: int, _frame: object) -> None:
    """The wake-up pipe carries the news."""


def _die_with_the_lifeline() -> Callable[[], None] | None:
    """What the forked child does before it becomes the command: ask the kernel to be killed when we die."""
    if sys.platform != "linux":
        return None
    try:
        import ctypes

        prctl = ctypes.CDLL(None).prctl
    except (ImportError, OSError, AttributeError):
        return None
    lifeline = os.getpid()

    def tie() -> None:
        prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != lifeline:
            os._exit(127)

    return tie


def _end_as(status: int) -> int:
    """Die by the command's signal, without a core dump of our own; an ordinary status is returned."""
    if status >= 0:
        return status
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    with contextlib.suppress(OSError):
        signal.signal(-status, signal.SIG_DFL)
    os.kill(os.getpid(), -status)
    return 128 - status


def main(arguments: list[str]) -> int:
    """Run `[--grace SECONDS] COMMAND...` and return its exit status."""
    grace = GRACE
    if arguments[:1] == ["--grace"]:
        grace = float(arguments[1])
        arguments = arguments[2:]
    if not arguments:
        sys.stderr.write("usage: lifeline [--grace SECONDS] COMMAND [ARGUMENT...]\n")
        return 2
    try:
        lifeline = Lifeline(arguments, grace)
    except (OSError, subprocess.SubprocessError) as error:
        reason = getattr(error, "strerror", None) or error
        sys.stderr.write(f"lifeline: can't start {arguments[0]}: {reason}\n")
        return 127
    return _end_as(lifeline.run())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
