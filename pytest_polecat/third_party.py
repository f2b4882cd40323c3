"""What third parties bring, in hooks and launchers, fails as theirs: in one line that names it."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pytest_polecat.errors import PolecatError

FAILURES = (Exception, pytest.skip.Exception, pytest.fail.Exception, SystemExit)
"""What code of a third party may raise by mistake; Ctrl-C and `pytest.exit` are meant."""

_NOT_THEIRS = {"pytest_polecat", "pluggy", "_pytest"}


@contextmanager
def blamed(what: str) -> Iterator[None]:
    """Turn what `what`, a third party's, raises into a `PolecatError` that says where."""
    try:
        yield
    except (PolecatError, pytest.UsageError, pytest.exit.Exception):
        raise
    except FAILURES as error:
        raise PolecatError(failure(what, error)) from error


def failure(what: str, error: BaseException) -> str:
    """One sentence: what failed, how, and where in the third party's code, if it got there."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not _is_ours(Path(frame.filename))]
    where = f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""
    told = (str(error).splitlines() or [""])[0]
    return f"{what} failed: {type(error).__name__}: {told}{where}"


def _is_ours(file: Path) -> bool:
    return not _NOT_THEIRS.isdisjoint(file.parts)
