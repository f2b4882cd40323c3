"""What the kernel does for a sandbox: the end of everybody in it, and rights that it takes away.

In a container most of it happens by itself. Outside of one (`FOLDER` is set) it has to be done here.
"""

from __future__ import annotations

# Much faster to import than `signal`, and this process starts anew for every task.
import _signal as signal  # type: ignore[import-not-found]
import os
import sys
import time

FOLDER: str | None = globals().get("FOLDER")
"""None in a container; outside of one a folder that goes with the supervisor. Whoever starts it sets this."""

ENVIRONMENT = {"HOME": "/tmp", "LANG": "C.UTF-8", "PATH": "/usr/local/bin:/usr/bin:/bin"}  # noqa: S108
"""What the candidate and commands find in their environment."""

if FOLDER is not None:
    ENVIRONMENT |= {"HOME": FOLDER, "TMPDIR": FOLDER}
    ENVIRONMENT["PATH"] = f"{os.path.dirname(sys.executable)}:{ENVIRONMENT['PATH']}"

_LAST = 19
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 1, 4, 36, 38


_ASLEEP, _SPENT, _AT_MOST = 0.05, 0.8, 5.0


def processor_seconds(pid: int | None) -> float:
    """The processor time that a process has taken so far, with all its threads; 0 if there is none."""
    try:
        # The kernel's clock of another process: `clock_getcpuclockid` in glibc.
        return time.clock_gettime((~pid << 3) | 2) if pid is not None else 0.0
    except OSError:
        return 0.0


def more_time(used: float, waited: float, limit: float) -> float:
    """How many seconds more someone gets whose limit is over, having `used` a processor for some of those `waited`.

    Limits are for what code takes, not for what else the machine is busy with: who worked, and got the processor for
    less time than the limit, gets the rest of it, up to five times the limit in all. None for who slept.
    """
    starved = _ASLEEP * limit < used < _SPENT * limit and waited < _AT_MOST * limit
    return limit - used if starved else 0.0


def out_of_memory() -> bool:
    """Whether the kernel killed somebody in here for memory: its count, of cgroup version 2 or 1."""
    if FOLDER is not None:
        return False  # these would be the counts of the whole machine
    for path in ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"):
        try:
            with open(path) as file:
                return any(line.split() > ["oom_kill", "0"] for line in file if line.startswith("oom_kill "))
        except OSError:
            continue
    return False


def kill_everybody() -> None:
    """Kill every other process in here. It takes more than one blow if they fork."""
    for _ in range(100):
        if FOLDER is not None:
            # All of our user's are not ours alone.
            if not kill_below(os.getpid()):
                return
            continue
        try:
            os.kill(-1, signal.SIGKILL)
        except ProcessLookupError:
            return


def kill_below(ancestor: int) -> bool:
    """Kill the descendants of a process; whether there were any that lived."""
    parents, dead = {}, set()
    for name in filter(str.isdecimal, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                state, parent = file.read().rpartition(b")")[2].split()[:2]
        except OSError:
            continue
        parents[int(name)] = int(parent)
        if state in (b"Z", b"X"):
            dead.add(int(name))
    below = {ancestor}
    while more := {pid for pid, parent in parents.items() if parent in below} - below:
        below |= more
    for pid in below - {ancestor}:
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError:
            dead.add(pid)
    return bool(below - {ancestor} - dead)


def leave() -> None:
    """Leave nothing behind. In a container, the kernel sees to that."""
    if FOLDER is None:
        return
    import shutil

    kill_everybody()
    shutil.rmtree(FOLDER, ignore_errors=True)


def come_after_parent() -> None:
    """In a child: end when the supervisor ends, whoever ended it, and leave it the processor when it has to answer."""
    if FOLDER is not None:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    else:
        # A container's share of the machine stays what it is; within it, no crowd of processes starves the supervisor.
        os.nice(_LAST)


def be_unreadable() -> None:
    """Nobody of our user may look into this process, or take its descriptors."""
    _prctl(_PR_SET_DUMPABLE, 0)


def be_like_process_1() -> None:
    """Orphans become our children; nobody in here gains rights; we go on at the host's end if we were stopped."""
    if FOLDER is not None:
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
        _prctl(_PR_SET_NO_NEW_PRIVS, 1)
        _prctl(_PR_SET_PDEATHSIG, signal.SIGCONT)


def _prctl(option: int, value: int) -> None:
    import ctypes

    ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
