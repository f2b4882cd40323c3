"""The identity of a run: everything that a reader needs to know what the numbers are numbers of."""

from typing import Literal

from pydantic import JsonValue

from pytest_polecat.records.base import StoredRecord
from pytest_polecat.records.profile import Profile


class Weights(StoredRecord):
    """The weights file: `sha256` of its bytes, `size` in bytes."""

    path: str
    size: int | None = None
    sha256: str | None = None


class Served(StoredRecord):
    """What a server really did, as it said itself after start (`/props`, `/slots`); None where it said nothing.

    `command` is the exact command line (or the embedded server's parameters as JSON), with keys left out. `n_ctx` is
    tokens per slot. `constrains` tells whether schema-constrained decoding was seen to work (None: never tried).
    """

    launcher: str
    url: str
    command: tuple[str, ...] = ()
    build: str | None = None
    model: str | None = None
    model_path: str | None = None
    weights: Weights | None = None
    slots: int | None = None
    n_ctx: int | None = None
    template_hash: str | None = None
    modalities: tuple[str, ...] = ()
    constrains: bool | None = None
    ready_seconds: float | None = None


class ProfileRun(StoredRecord):
    """One profile in a run: as resolved, its hash, and how it was served (None: never started)."""

    profile: Profile
    hash: str
    served: Served | None = None
    error: str | None = None


class SuiteRun(StoredRecord):
    """One suite in a run: `questions` and `points` are those selected, `hash` covers the selected questions."""

    suite: str
    version: str
    licence: str = ""
    file: str = ""
    hash: str = ""
    questions: int = 0
    points: float = 0


class Host(StoredRecord):
    """The machine and the software that asked."""

    system: str
    machine: str
    processor: str = ""
    cores: int | None = None
    memory: int | None = None
    python: str = ""
    pytest: str = ""
    polecat: str = ""


class Run(StoredRecord):
    """`run.json`. `selected` counts the test items that asked, `deselected` those left out by `-k` or limits."""

    format: Literal["polecat.run/1"] = "polecat.run/1"
    id: str
    status: Literal["running", "finished", "interrupted"] = "running"
    started: str
    finished: str | None = None
    command: tuple[str, ...] = ()
    host: Host
    seed: int
    epochs: int
    concurrency: int | None = None
    selected: int = 0
    deselected: int = 0
    profiles: dict[str, ProfileRun] = {}
    suites: dict[str, SuiteRun] = {}
    extra: dict[str, JsonValue] = {}

    @property
    def subset(self) -> bool:
        """Whether only part of the questions was selected."""
        return self.deselected > 0
