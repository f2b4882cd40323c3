"""Whose a container is: labels that tell a live run's containers from those that a dead one left."""

import os
import socket
from functools import cache
from pathlib import Path

PREFIX = "org.pytest-polecat"


def labels() -> dict[str, str]:
    """The labels of a container of this process."""
    return {f"{PREFIX}.sandbox": "1", **{f"{PREFIX}.{name}": value for name, value in _owner().items()}}


def is_orphan(found: dict[str, str]) -> bool:
    """Whether these are the labels of a container whose process is gone; one of another machine is none of ours."""
    owner = {name: found.get(f"{PREFIX}.{name}", "") for name in ("host", "boot", "pid", "started")}
    if owner["host"] != socket.gethostname() or not owner["pid"].isdecimal():
        return False
    return owner["boot"] != _boot() or _started(int(owner["pid"])) != owner["started"]


@cache
def _owner() -> dict[str, str]:
    pid = os.getpid()
    return {"host": socket.gethostname(), "boot": _boot(), "pid": str(pid), "started": _started(pid) or ""}


@cache
def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _started(pid: int) -> str | None:
    """When a process was started, in ticks since the boot; None if there is none, empty where nobody tells."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None if Path("/proc/self").exists() else ""
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[19]
