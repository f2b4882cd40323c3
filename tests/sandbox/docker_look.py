"""Looking at Docker from a test, past everything that the plugin believes."""

import time
from collections.abc import Collection
from contextlib import closing

from pytest_polecat.sandbox.daemon import connect
from pytest_polecat.sandbox.labels import PREFIX


def containers(pid: int | None = None) -> set[str]:
    """The ids of the sandboxes that Docker knows, of one process or of all."""
    labels = [f"{PREFIX}.sandbox"] if pid is None else [f"{PREFIX}.pid={pid}"]
    with closing(connect()) as client:
        return {each["Id"] for each in client.api.containers(all=True, filters={"label": labels})}


def gone(ids: Collection[str], within: float) -> bool:
    """Whether none of them is left after so many seconds."""
    deadline = time.monotonic() + within
    while left := containers() & set(ids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return not left
