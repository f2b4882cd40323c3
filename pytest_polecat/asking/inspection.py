"""What can be said about a profile before its server is started: its weights, its flags, and whether it fits."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pytest_polecat.asking.launch.base import Launcher, files_of, find_file, launcher_of
from pytest_polecat.asking.launch.binary.command_line import FILE_FLAGS, CommandLine
from pytest_polecat.asking.launch.binary.fit import fit_of
from pytest_polecat.asking.launch.binary.launcher import BinaryLauncher
from pytest_polecat.asking.launch.binary.program import devices
from pytest_polecat.asking.launch.binary.translation import speculation_types
from pytest_polecat.asking.launch.devices import nvidia_devices
from pytest_polecat.asking.profiles import api_key
from pytest_polecat.asking.weights.drafts import draft_problems
from pytest_polecat.asking.weights.gguf import Header, read_weights
from pytest_polecat.asking.weights.memory import estimate, host_memory_free
from pytest_polecat.asking.weights.metadata import described
from pytest_polecat.asking.weights.overrides import untaken_layers
from pytest_polecat.errors import PolecatError
from pytest_polecat.records.profile import Profile
from pytest_polecat.records.run import Device, Weights

_ALL_LAYERS = ("auto", "all")
_WITH_DRAFT = "draft-simple"


@dataclass(frozen=True)
class Need:
    """Bytes that a server takes on the accelerators and in the machine's own memory; what `notes` say is left out."""

    device: int
    host: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Inspection:
    """One profile looked at. `untaken` are the layers whose experts no pattern takes; `problems` would stop a run."""

    profile: str
    command: CommandLine | None = None
    weights: Mapping[str, Weights] = field(default_factory=dict)
    untaken: tuple[int, ...] = ()
    need: Need | None = None
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Room:
    """The memory that is free now, in bytes; None: unknown."""

    devices: tuple[Device, ...]
    host: int | None

    @property
    def device(self) -> int | None:
        """What is free on all accelerators together; None without any that tells."""
        known = [device.free for device in self.devices if device.free is not None]
        return sum(known) if known else None


def room(inspections: Sequence[Inspection]) -> Room:
    """The memory of this machine, by the server's own account where there is one."""
    builds = [each.command.build for each in inspections if each.command]
    found = devices(builds[0]) if builds else ()
    return Room(found or nvidia_devices(), host_memory_free())


def inspect(profile: Profile, launchers: Mapping[str, Launcher], models_dir: Path | None) -> Inspection:
    """Look at one profile. Whatever is wrong with it is among the problems; nothing is raised."""
    problems: list[str] = []
    line: CommandLine | None = None
    files: Mapping[str, Path]
    try:
        api_key(profile)
        launcher = launcher_of(profile, launchers)
        launcher.check(profile, models_dir)
        files = files_of(launcher, profile, models_dir)
        line = launcher.command_line(profile, models_dir) if isinstance(launcher, BinaryLauncher) else None
    except PolecatError as error:
        problems.append(str(error))
        files = _named_files(profile, models_dir)
    headers = _headers(files, problems)
    placement = line.placement if line else ()
    weights = {key: described(header, placement if key == "model" else ()) for key, header in headers.items()}
    overrides = weights["model"].overrides if "model" in weights else ()
    problems += _draft_problems(line, files, weights)
    return Inspection(
        profile=profile.name,
        command=line,
        weights=weights,
        untaken=untaken_layers(overrides, headers["model"].tensors) if overrides else (),
        need=_need(profile, line, headers) if line else None,
        notes=tuple(_notes(line, weights)),
        problems=tuple(problems),
    )


def _named_files(profile: Profile, models_dir: Path | None) -> dict[str, Path]:
    """The weights that the profile's own keys name, as far as they are there: what can be looked at all the same."""
    files = {}
    for key in FILE_FLAGS:
        if getattr(profile, key) and not profile.url:
            with contextlib.suppress(PolecatError):
                files[key] = find_file(profile, key, models_dir)
    return files


def _headers(files: Mapping[str, Path], problems: list[str]) -> dict[str, Header]:
    headers = {}
    for key, path in ((key, path) for key, path in files.items() if key in FILE_FLAGS):
        try:
            headers[key] = read_weights(path)
        except PolecatError as error:
            problems.append(str(error))
    return headers


def _draft_problems(line: CommandLine | None, files: Mapping[str, Path], weights: Mapping[str, Weights]) -> list[str]:
    types = (line.value("--spec-type") or "").split(",") if line else []
    problems = []
    if "draft-mtp" in types and "model" in weights and "draft" not in weights and not weights["model"].mtp:
        problems.append("--spec-type draft-mtp needs layers for multi-token prediction, and the weights have none")
    # Builds without that type translate between vocabularies.
    strict = line is None or _WITH_DRAFT in speculation_types(line.build)
    if strict and {"model", "draft"} <= weights.keys() and (not types or _WITH_DRAFT in types):
        try:
            reasons = draft_problems(files["model"], files["draft"])
        except PolecatError as error:
            reasons = (str(error),)
        problems += [f"the draft does not fit: {reason}" for reason in reasons]
    return problems


def _notes(line: CommandLine | None, weights: Mapping[str, Weights]) -> list[str]:
    notes = list(line.notes) if line else []
    model = weights.get("model")
    if model is None or line is None:
        return notes
    if model.template_hash is None:
        notes.append("the weights carry no chat template: the server will use one of its own")
    if line.context and model.context and line.context > model.context:
        notes.append(f"a slot is to have {line.context} tokens, and the model was trained for {model.context}")
    return notes


def _need(profile: Profile, line: CommandLine, headers: Mapping[str, Header]) -> Need | None:
    fit = fit_of(line, profile.parallel)
    if fit:
        left_out = [f"`{key}` is not counted" for key in ("draft", "mmproj") if key in line.files]
        return Need(fit.device, fit.host, ("by llama-fit-params", *left_out))
    if "model" not in headers:
        return None
    layers = line.value("--gpu-layers") or "all"
    without_device = not (devices(line.build) or nvidia_devices())
    try:
        needs = [
            estimate(
                header,
                gpu_layers=0 if without_device else None if layers in _ALL_LAYERS else int(layers),
                overrides=line.placement if key == "model" else (),
                ctx_size=int(line.value("--ctx-size") or 0),
                parallel=profile.parallel,
                unified=line.value("--kv-unified") is not None,
                cache_type_k=line.value("--cache-type-k") or "f16",
                cache_type_v=line.value("--cache-type-v") or "f16",
            )
            for key, header in headers.items()
            if key != "mmproj"
        ]
    except (PolecatError, ValueError):
        return None
    notes = dict.fromkeys(note for need in needs for note in need.notes)
    return Need(sum(need.device for need in needs), sum(need.host for need in needs), tuple(notes))
