"""Regular expressions that a suite's author wrote, and a limit on the time that they may take on a hostile reply."""

import re
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from types import FrameType
from typing import Annotated

from pydantic import AfterValidator

from pytest_polecat.errors import SuiteError

CPU_SECONDS = 10.0
"""Processor seconds that one check may spend in patterns and schemas that a suite's author wrote."""


class _TooSlow(BaseException):
    """Raised by the timer inside whatever runs; no `except Exception` on the way may swallow it."""


@contextmanager
def bounded(what: str, seconds: float = CPU_SECONDS) -> Iterator[None]:
    """Raise `SuiteError` naming `what` if the block takes more than `seconds` of this process's user time.

    Python's `re` backtracks, so a pattern such as `(a+)+$` can take for ever; that is the suite's fault, not the
    model's. The timer is a Unix signal, which only a main thread can have: in other threads there is no limit.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGVTALRM, _interrupt)
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    except _TooSlow:
        raise SuiteError(f"{what} took more than {seconds:g} s on this reply; simplify it") from None
    finally:
        signal.signal(signal.SIGVTALRM, signal.SIG_DFL if previous is None else previous)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise _TooSlow


@lru_cache(maxsize=1024)
def compiled(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """The compiled pattern, without the warnings on syntax that may change."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return re.compile(pattern, flags)


def _compiles(pattern: str) -> str:
    try:
        compiled(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"not a valid regular expression: {error}") from None
    return pattern


Pattern = Annotated[str, AfterValidator(_compiles)]
"""A regular expression in Python's syntax, checked when it is loaded."""
