"""The files in a run's folder through which the controller and its xdist workers talk about servers.

servers/PROFILE.json   how the server is doing (`ServerState`), replaced atomically by the controller
servers/*.ask          a worker's request (`Ask`): see to this profile's server, and tell. The controller starts or
                       checks the server, writes the state file, and only then removes the request: that is the answer.
"""

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import ValidationError

from pytest_polecat.records.base import StoredRecord
from pytest_polecat.records.run import Hung, Served
from pytest_polecat.rundir import RunDir, file_name, write_atomically

State = Literal["starting", "ready", "unloaded", "failed", "stopped"]

_T = TypeVar("_T", bound=StoredRecord)


class ServerState(StoredRecord):
    """How a profile's server is doing: `unloaded` made room for another model, `stopped` is over for this session.

    `message` and `mode` tell why it failed, or why it had to be restarted. `served` is how it was served last; that
    holds only as long as it is `ready`.
    """

    state: State
    served: Served | None = None
    message: str = ""
    mode: str = ""


class Ask(StoredRecord):
    """A worker's request. `lost`: a request to the server found the connection dead, or the server `hung`."""

    profile: str
    lost: bool = False
    hung: Hung | None = None


def write_state(run: RunDir, profile: str, state: ServerState) -> None:
    """Tell the workers."""
    write_atomically(run.server_state(profile), state.model_dump_json(indent=2).encode())


def read_state(run: RunDir, profile: str) -> ServerState | None:
    """What the controller last told about this profile's server."""
    return _read(run.server_state(profile), ServerState)


def write_ask(run: RunDir, ask: Ask) -> Path:
    """Put a request; the file is gone when it was seen to."""
    run.make()
    file = run.server_state(ask.profile).with_name(f"{file_name(ask.profile)}.{secrets.token_hex(6)}.ask")
    write_atomically(file, ask.model_dump_json().encode())
    return file


def open_asks(run: RunDir) -> Iterator[tuple[Path, Ask | None]]:
    """The requests that wait for an answer; None for one that can't be read."""
    for file in sorted((run.path / "servers").glob("*.ask")):
        yield file, _read(file, Ask)


def _read(file: Path, kind: type[_T]) -> _T | None:
    try:
        return kind.model_validate_json(file.read_bytes())
    except (OSError, ValidationError):
        return None
