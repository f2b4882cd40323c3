"""The model servers as an xdist worker sees them: the controller keeps them, the run's folder carries the talk."""

import errno
import os
import time
from pathlib import Path

from pytest_polecat.asking.launch.state import Ask, ServerState, read_state, write_ask
from pytest_polecat.errors import RecordingError, ServerError
from pytest_polecat.records.run import Hung, Served
from pytest_polecat.rundir import RunDir

_PAUSE = 0.05


class RemoteServers:
    """`wait` and `lost` of `Servers`, for a child process of the one that keeps them (see `state` for the protocol)."""

    def __init__(self, run: RunDir, patience: float = 3600) -> None:
        """`patience`: seconds to wait for an answer at most; the controller keeps its own, shorter deadlines."""
        self._run = run
        self._patience = patience
        self._controller = os.getppid()

    def wait(self, profile_name: str) -> Served:
        """Block until the profile's server is ready. Raises `ServerError` with the controller's diagnosis.

        Raises `RecordingError` if the run's folder can't carry the talk.
        """
        state = read_state(self._run, profile_name)
        if state and state.state in ("ready", "failed", "stopped"):
            return _told(profile_name, state)
        return self._ask(Ask(profile=profile_name))

    def lost(self, profile_name: str, hung: Hung | None = None) -> Served:
        """Have the controller look after a server whose connection is dead, or that hangs: how it is served now.

        Raises `ServerError`.
        """
        return self._ask(Ask(profile=profile_name, lost=True, hung=hung))

    def _ask(self, ask: Ask) -> Served:
        try:
            file = write_ask(self._run, ask)
        except OSError as error:
            raise RecordingError.of(self._run.path, error) from error
        try:
            self._wait_for_answer(file, ask.profile)
        finally:
            file.unlink(missing_ok=True)
        state = read_state(self._run, ask.profile)
        if state is None or state.state == "starting":
            why = f"the controller could not say how the server of {ask.profile} is doing"
            raise RecordingError.of(self._run.path, OSError(errno.EIO, why))
        return _told(ask.profile, state)

    def _wait_for_answer(self, file: Path, profile: str) -> None:
        deadline = time.monotonic() + self._patience
        while file.exists() and not self._is_over(profile):
            # An orphan gets another parent at once, even while the dead one still is a zombie.
            if os.getppid() != self._controller:
                raise ServerError(f"profile {profile!r}: the process that keeps the model servers is gone")
            if time.monotonic() > deadline:
                raise ServerError(
                    f"profile {profile!r}: no word from the process that keeps the model servers "
                    f"for {self._patience:g} s",
                    mode="connection",
                )
            time.sleep(_PAUSE)

    def _is_over(self, profile: str) -> bool:
        state = read_state(self._run, profile)
        return state is not None and state.state == "stopped"


def _told(profile: str, state: ServerState) -> Served:
    if state.state == "ready" and state.served:
        return state.served
    if state.state == "failed":
        raise ServerError(state.message, state.mode)
    raise ServerError(f"profile {profile!r}: the model server was stopped, because the session ends")
