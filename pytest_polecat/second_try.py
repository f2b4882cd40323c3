"""A question whose sandbox the engine lost is graded once more, in a fresh one: that was not the model's fault.

What the body met is known from its sandbox, not from how it ended: it may have taken the failure for the model's.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pytest_polecat import fixtures
from pytest_polecat.sandbox.errors import LostError

_WITH_A_PAST = frozenset({"conversation"})
"""Fixtures of polecat's that hold what a body did."""


def renewed(item: pytest.Function, *, again: bool) -> bool:
    """Whether the body has to run once more, with its sandbox as new; `again` tells that it has done so already.

    Raises `LostError` where there can't be another try.
    """
    sandbox = item.funcargs.get("sandbox")
    if sandbox is None:
        return False
    from pytest_polecat.sandbox.sandbox import Sandbox

    if not isinstance(sandbox, Sandbox) or sandbox.lost is None:
        return False
    if again:
        raise LostError(f"{sandbox.lost}; so was the one of the second try") from sandbox.lost
    if others := sorted(_others(item)):
        raise LostError(
            f"{sandbox.lost}; the test is not tried again, since the first try may have changed what it takes from "
            f"elsewhere: {', '.join(others)}"
        ) from sandbox.lost
    sandbox.renew()
    return True


def _others(item: pytest.Function) -> Iterator[str]:
    """The fixtures of a test that are not polecat's own, nor plain values that it is parametrized with."""
    info = item._fixtureinfo  # noqa: SLF001 - what a name stands for is told nowhere else
    given = item.callspec.params if hasattr(item, "callspec") else {}
    for name in item.fixturenames:
        if name == "request" and name not in info.argnames:
            continue  # a fixture of polecat's takes it
        found = info.name2fixturedefs.get(name)
        home = getattr(found[-1].func, "__module__", "") if found else ""
        plain = name in given and home in ("", "_pytest.python")
        if not plain and (home != fixtures.__name__ or name in _WITH_A_PAST):
            yield name
