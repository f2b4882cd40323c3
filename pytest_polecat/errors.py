"""The errors that people meet: one clear line each, never a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest


class Missed(AssertionError):  # noqa: N818
    """The model missed this. Raise it from a grading helper; in a test body, `assert` says the same.

    `mode` is the failure mode to book (a value of `FailureMode`), `wrong_answer` unless given.
    """

    def __init__(self, message: str, mode: str = "wrong_answer") -> None:
        super().__init__(message)
        self.mode = mode


class PolecatError(Exception):
    """Something that the user wrote or set up is wrong: the message names it and the mend."""


class ProfileError(PolecatError):
    """A profile, or the file it stands in, can't be used."""


class SuiteError(PolecatError, pytest.Collector.CollectError):
    """A suite's file can't be used. While tests are collected, pytest shows it as the one line that it is."""


class ServerError(PolecatError):
    """A model server could not be started, or was lost: `mode` is the failure mode to book."""

    def __init__(self, message: str, mode: str = "server_crash") -> None:
        super().__init__(message)
        self.mode = mode


class RecordingError(PolecatError):
    """The run can't be written down any more: nothing may go on, for nothing of it would last."""

    @classmethod
    def of(cls, run: Path, error: OSError) -> RecordingError:
        """Where, why, and what to do."""
        return cls(
            f"polecat: the run {run} can't be written: {error.strerror}; what is there is kept: "
            "make room, and go on with --polecat-resume (a replay: begin it anew)"
        )
