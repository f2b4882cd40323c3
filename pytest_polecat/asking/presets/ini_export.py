"""Profiles written as llama-server's INI presets, for its router."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pydantic import JsonValue

from pytest_polecat.asking.commands import Written, written
from pytest_polecat.asking.presets import flags
from pytest_polecat.asking.presets.ini import FILES
from pytest_polecat.asking.presets.ini_grammar import KEY, unwritable, write
from pytest_polecat.asking.presets.server_command import arguments
from pytest_polecat.asking.tables import shown
from pytest_polecat.errors import ProfileError
from pytest_polecat.records.profile import Profile

_ELSEWHERE = (
    "name",
    "model",
    "draft",
    "mmproj",
    "parallel",
    "args",
    "command",
    "sampling",
    "reasoning",
    "launcher",
    "api",
)
"""Keys of a profile that a preset holds, or that are about how it comes to be."""

_TODAY: Mapping[tuple[str, str], tuple[str, str]] = {
    ("mmap", "false"): ("load-mode", "none"),
    ("mmap", "true"): ("load-mode", "mmap"),
    ("mlock", "true"): ("load-mode", "mlock"),
    ("direct-io", "true"): ("load-mode", "dio"),
    ("direct-io", "false"): ("load-mode", "none"),
    ("lookup", "true"): ("spec-type", "ngram-simple"),
}
"""What builds that read presets today call switches of older builds."""

_NO_PLACE = "presets have no place for it"
_IDLE_DRAFT = "llama-server loads the draft and leaves it idle unless spec-type says how to use it"


def export_ini(profiles: Iterable[Profile], models_dir: Path | None = None) -> tuple[str, tuple[str, ...]]:
    """The text of a preset file with a section for each profile of local weights, and a note for what it can't hold.

    Weights with a relative path are named in `models_dir`, if that is given. ProfileError, with profile and key, for
    a value that presets can't express.
    """
    sections: dict[str, dict[str, str]] = {}
    notes: list[str] = []
    for profile in profiles:
        if profile.url:
            notes.append(f"{profile.name}: is reached by a URL; presets are of local weights")
        else:
            sections[profile.name] = _preset(profile, models_dir, notes)
    return "\n".join(write(sections)), tuple(notes)


def _preset(profile: Profile, models_dir: Path | None, notes: list[str]) -> dict[str, str]:
    command = _command(profile)
    preset: dict[str, str] = {}
    for key, name, value in _from_command(profile, command, notes) if command else _from_args(profile):
        _put(profile, preset, (key, name, value), notes)
    for key, name, value in _from_keys(profile, notes):
        # As at a start: what the flags say of thinking already is left to them.
        if key != "reasoning" or name not in preset:
            _put(profile, preset, (key, name, value), notes)
    if command is None or "parallel" not in preset:
        preset["parallel"] = str(profile.parallel)
    for name in FILES:
        if name in preset and models_dir:
            preset[name] = str(models_dir / preset[name])
    if not {"model", "hf-repo", "model-url", "docker-repo"} & set(preset):
        raise _error(profile, "model", "is missing; name a GGUF file")
    if "model-draft" in preset and "spec-type" not in preset:
        notes.append(f"{profile.name}: {_IDLE_DRAFT}")
    notes += (f"{profile.name}: {key} is left out: {_NO_PLACE}" for key in _lost(profile, command))
    weights_first = sorted(preset.items(), key=lambda pair: pair[0] not in FILES)
    return {name: value for name, value in weights_first if not _is_off_by_itself(name, value)}


def _put(profile: Profile, preset: dict[str, str], given: tuple[str, str, str], notes: list[str]) -> None:
    """Put a flag into a preset, under the name and value that it has today."""
    key, name, value = given
    if name in flags.NOT_OURS:
        notes.append(f"{profile.name}: {key} is left out: the router sets it, or must not be told")
        return
    name, value = _TODAY.get((name, value), (name, value))
    if not KEY.fullmatch(name):
        raise _error(profile, key, "is no flag that presets can name; correct it")
    if problem := unwritable(value):
        raise _error(profile, key, f"{problem}; take it out, or keep to polecat.toml for this profile")
    preset[name] = value


_Given = Iterator[tuple[str, str, str]]
"""The profile's key that a flag comes from, the flag's name, and its value as presets write it."""


def _from_args(profile: Profile) -> _Given:
    for key, value in profile.args.items():
        name, negation = flags.named(key.lstrip("-").replace("_", "-"))
        if isinstance(value, bool) and name in flags.ON_OFF:
            yield f"args.{key}", name, "on" if value else "off"
        elif isinstance(value, bool):
            yield f"args.{key}", name, _truth(value is not negation)
        elif value is not None:
            yield f"args.{key}", name, _written(value)


def _from_command(profile: Profile, command: Written, notes: list[str]) -> _Given:
    repeated: dict[str, str] = {}
    try:
        for name, value in arguments(command.words):
            text = value if isinstance(value, str) else _truth(value)
            # A flag that is given twice counts once, but for those that take lists.
            listed = name in repeated and name in ("override-tensor", "override-kv", "lora", "override-tensor-draft")
            repeated[name] = f"{repeated[name]},{text}" if listed else text
    except ValueError as error:
        raise _error(profile, "command", str(error)) from None
    if command.env or command.wrapper:
        notes.append(f"{profile.name}: what stands before the program in its command is left out: {_NO_PLACE}")
    yield from (("command", name, value) for name, value in repeated.items())


def _from_keys(profile: Profile, notes: list[str]) -> _Given:
    for flag, key in FILES.items():
        if value := getattr(profile, key):
            yield key, flag, value
    if profile.reasoning.enabled is not None:
        yield "reasoning", "reasoning", "on" if profile.reasoning.enabled else "off"
    if profile.reasoning.budget is not None:
        yield "reasoning", "reasoning-budget", str(profile.reasoning.budget)
    by_field = {field: flag for flag, field in {**flags.SAMPLING, **flags.MORE_SAMPLING}.items()}
    for field, value in profile.sampling.fields().items():
        if field in by_field and isinstance(value, int | float) and not isinstance(value, bool):
            yield f"sampling.{field}", by_field[field], _written(value)
        else:
            notes.append(f"{profile.name}: sampling.{shown(field)} is left out: {_NO_PLACE}")


def _command(profile: Profile) -> Written | None:
    if profile.command is None:
        return None
    try:
        command = written(profile)
    except ValueError as error:
        raise _error(profile, "command", str(error)) from None
    if command.program is None:
        raise _error(profile, "command", "names no program; write a llama-server command line")
    return command


def _lost(profile: Profile, command: Written | None) -> Iterator[str]:
    for key, default in Profile.model_fields.items():
        if key not in _ELSEWHERE and getattr(profile, key) != default.default:
            yield key
    if profile.launcher not in (None, "binary"):
        yield "launcher"
    if command and "/" in (command.program or ""):
        yield "the path of its program"


def _is_off_by_itself(name: str, value: str) -> bool:
    return value == "false" and name in flags.SWITCHES and name not in flags.NEGATABLE


def _written(value: JsonValue) -> str:
    match value:
        case bool():
            return _truth(value)
        case list():
            return ",".join(_written(item) for item in value)
        case str():
            return value
    return json.dumps(value)


def _truth(value: bool) -> str:
    return "true" if value else "false"


def _error(profile: Profile, key: str, problem: str) -> ProfileError:
    return ProfileError(f'profile "{shown(profile.name)}": {shown(key)}: {problem}')
