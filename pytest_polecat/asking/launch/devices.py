"""The accelerators of this machine and their memory, as the driver tells; and waiting until memory is free again."""

import subprocess
import threading
import time
from collections.abc import Callable

from pytest_polecat.records.run import Device

Look = Callable[[], tuple[Device, ...]]
"""Tells the accelerators with the memory that is free now; none where that can't be known."""

RELEASED_WITHIN = 30.0
"""Seconds that a driver may take to give back the memory of a process that has ended."""

_QUERY = ("nvidia-smi", "--query-gpu=name,memory.total,memory.free,driver_version", "--format=csv,noheader,nounits")
_ANSWER_SECONDS = 20
_PAUSE = 0.1
_MIB = 2**20
_TOLERANCE = 0.02
"""The part of a device's memory that others may have taken meanwhile (a desktop, a browser)."""


def nvidia_devices() -> tuple[Device, ...]:
    """NVIDIA's devices by `nvidia-smi`; none where there is no such program, or no device."""
    try:
        told = subprocess.run(_QUERY, capture_output=True, text=True, timeout=_ANSWER_SECONDS, check=True).stdout
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return ()
    rows = (list(map(str.strip, line.rsplit(",", 3))) for line in told.splitlines() if line.count(",") >= 3)
    return tuple(
        Device(
            name=f"CUDA{number}",
            description=name,
            memory=_bytes(total),
            free=_bytes(free),
            driver=driver,
        )
        for number, (name, total, free, driver) in enumerate(rows)
    )


def wait_released(
    before: tuple[Device, ...], look: Look, give_up: threading.Event, timeout: float = RELEASED_WITHIN
) -> str | None:
    """Wait until every device has as much memory free as `before`; a sentence about what stayed taken, else None."""
    deadline = time.monotonic() + timeout
    while missing := _missing(before, look()):
        if time.monotonic() > deadline or give_up.wait(_PAUSE):
            return f"memory of the server before was not seen to be free again within {timeout:g} s: {missing}"
    return None


def _missing(before: tuple[Device, ...], now: tuple[Device, ...]) -> str:
    free = {device.name: device.free for device in now}
    lacking = []
    for device in before:
        left = free.get(device.name)
        if left is None or device.free is None or device.memory is None:
            continue
        short = device.free - left
        if short > device.memory * _TOLERANCE:
            lacking.append(f"{short // _MIB} MiB of {device.name}")
    return ", ".join(lacking)


def _bytes(mebibytes: str) -> int | None:
    return int(mebibytes) * _MIB if mebibytes.isdecimal() else None
