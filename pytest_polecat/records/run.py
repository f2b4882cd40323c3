"""The identity of a run: everything that a reader needs to know what the numbers are numbers of."""

from typing import Literal

from pydantic import JsonValue

from pytest_polecat.records.base import StoredRecord
from pytest_polecat.records.profile import Profile


class Override(StoredRecord):
    """What one pattern of `--override-tensor` takes: the tensors, the layers they are in, and their bytes."""

    pattern: str
    buffer: str
    tensors: int
    layers: tuple[int, ...] = ()
    size: int = 0


class Weights(StoredRecord):
    """A GGUF file as its own header describes it; None where it doesn't say.

    `size` is in bytes and `sha256` that of the bytes, both over all parts of a split file; `quant` is the file name's
    where it names one, else the header's; `context` the training context in tokens; `template_hash` that of the chat
    template; `mtp` whether there are layers for multi-token prediction; `overrides` what the profile's tensor patterns
    take.
    """

    path: str
    size: int | None = None
    sha256: str | None = None
    parts: int = 1
    name: str | None = None
    architecture: str | None = None
    quant: str | None = None
    parameters: int | None = None
    layers: int | None = None
    experts: int | None = None
    experts_used: int | None = None
    context: int | None = None
    template_hash: str | None = None
    mtp: bool | None = None
    overrides: tuple[Override, ...] = ()


class Device(StoredRecord):
    """An accelerator, with its memory in bytes."""

    name: str
    description: str = ""
    memory: int | None = None
    free: int | None = None
    driver: str | None = None


class Served(StoredRecord):
    """What a server really did, as it said itself after start (`/props`, `/slots`); None where it said nothing.

    `command` is the exact command line (or the embedded server's parameters as JSON), with keys left out. `n_ctx` is
    tokens per slot. `speculative` tells whether speculation is on. `sampling` are the parameters in effect where a
    question sets none. `constrains` tells whether schema-constrained decoding was seen to work (None: never tried).
    `notes` are sentences for whoever reads the numbers.
    """

    launcher: str
    url: str
    command: tuple[str, ...] = ()
    build: str | None = None
    model: str | None = None
    model_path: str | None = None
    weights: Weights | None = None
    draft: Weights | None = None
    mmproj: Weights | None = None
    slots: int | None = None
    n_ctx: int | None = None
    speculative: bool | None = None
    template_hash: str | None = None
    modalities: tuple[str, ...] = ()
    sampling: dict[str, JsonValue] = {}
    devices: tuple[Device, ...] = ()
    constrains: bool | None = None
    ready_seconds: float | None = None
    notes: tuple[str, ...] = ()


class Hung(StoredRecord):
    """A server that takes no more notice of anybody: where it is, and what was seen of it."""

    url: str
    message: str


class ProfileRun(StoredRecord):
    """One profile in a run: as resolved, its hash, and how it was served (None: never started).

    `weights` are the hashes of its files by the profile's key for them.
    """

    profile: Profile
    hash: str
    weights: dict[str, str] = {}
    served: Served | None = None
    error: str | None = None


class SuiteRun(StoredRecord):
    """One suite in a run: `questions` and `points` are those selected, `hash` covers the selected questions.

    `unproven` are the ids of the questions that were asked although no self-test has proven them.
    """

    suite: str
    version: str
    licence: str = ""
    file: str = ""
    hash: str = ""
    questions: int = 0
    points: float = 0
    unproven: tuple[str, ...] = ()


class Host(StoredRecord):
    """The machine and the software that asked. `memory` is in bytes."""

    system: str
    machine: str
    processor: str = ""
    cores: int | None = None
    memory: int | None = None
    accelerators: tuple[Device, ...] = ()
    python: str = ""
    pytest: str = ""
    polecat: str = ""


class SandboxRun(StoredRecord):
    """What code ran in: the image's id, the engine and its version, the runtime, and the hash of what runs inside.

    `isolated` is false where it ran as a process of the user's (engine `process`, without an image).
    """

    image: str
    engine: str
    runtime: str
    runner: str
    isolated: bool = True


class Resumption(StoredRecord):
    """A later session of a run: when it began, how many test items it found finished, and what had changed since."""

    started: str
    command: tuple[str, ...] = ()
    finished: int = 0
    changes: tuple[str, ...] = ()


class Run(StoredRecord):
    """`run.json`. `selected` counts the test items that asked, `deselected` those left out by `-k` or limits.

    `replay_of` names the run whose kept replies were graded, if no model was asked.
    """

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
    resumptions: tuple[Resumption, ...] = ()
    replay_of: str | None = None
    profiles: dict[str, ProfileRun] = {}
    suites: dict[str, SuiteRun] = {}
    sandbox: SandboxRun | None = None
    extra: dict[str, JsonValue] = {}

    @property
    def subset(self) -> bool:
        """Whether only part of the questions was selected."""
        return self.deselected > 0
