"""Profiles: where polecat.toml is, what profiles there are, and what tells one from another."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_polecat.asking.commands import words_shown
from pytest_polecat.asking.inheritance import Resolved, resolve
from pytest_polecat.asking.profile_validation import key_env_problem
from pytest_polecat.asking.tables import Tables, did_you_mean, kind, nearest, shown
from pytest_polecat.errors import ProfileError
from pytest_polecat.records.profile import Profile
from pytest_polecat.records.question import content_hash

CONFIG_NAME = "polecat.toml"
MODELS_DIR_VARIABLE = "POLECAT_MODELS_DIR"

_TOP_LEVEL = ("models_dir", "profiles")
_WEIGHTS = ("model", "draft", "mmproj")
_REACHED_BY = frozenset({"port", "host", "api-key"})
"""Server flags that say how a server is reached, not what it answers."""

_FILE_FLAGS = {
    "model": {"m", "model"},
    "draft": {"md", "model-draft", "spec-draft-model"},
    "mmproj": {"mm", "mmproj"},
}

_Builtin = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class ProfileBook:
    """Every profile there is. `file` is the polecat.toml, `models_dir` the folder of the weights, if there are such.

    `builtin` names the profiles that come with a package. `origins` tells which profile's table each dotted key of a
    profile comes from (`origins["fast"]["args.ctx-size"] == "base"`); a key that it leaves out stands at its default.
    """

    file: Path | None
    models_dir: Path | None
    profiles: Mapping[str, Profile]
    builtin: frozenset[str] = frozenset()
    origins: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def get(self, name: str) -> Profile:
        """The profile of this name; ProfileError with the nearest names if there is none."""
        if name in self.profiles:
            return self.profiles[name]
        where = f"in {shown(self.file)}" if self.file else f"(there is no {CONFIG_NAME} in this folder or above it)"
        names = ", ".join(f'"{other}"' for other in nearest(name, self.profiles))
        near = f"; nearest: {names}" if names else ""
        raise ProfileError(f'no profile "{shown(name, limit=80)}" {where}{near}; list them with: polecat profiles list')


def find_config(start: Path) -> Path | None:
    """The polecat.toml in the folder `start` or in the nearest folder above it."""
    folder = start.absolute()
    for parent in (folder, *folder.parents):
        candidate = parent / CONFIG_NAME
        try:
            if candidate.exists():
                return candidate
        except OSError:
            continue
    return None


def load(file: Path | None, *, builtin: _Builtin | Iterable[_Builtin] = ()) -> ProfileBook:
    """Read polecat.toml and resolve every profile in it and in `builtin`: one mapping of name -> table, or several.

    A profile of the file wins over a built-in one of the same name, and may extend it. A built-in one may extend those
    of its own mapping and of earlier ones. Anything wrong in any profile raises a ProfileError of one line.
    """
    file = file.absolute() if file else None
    try:
        given = _built_in([builtin] if isinstance(builtin, Mapping) else builtin)
        tables = Tables.read(file) if file else Tables(CONFIG_NAME, {})
        _refuse_unknown_keys(tables)
        own = resolve(tables, given)
        models_dir = _models_dir(tables, file)
    except RecursionError:
        raise ProfileError(f"{shown(file or CONFIG_NAME)}: nested too deeply; write it flatter") from None
    everything = {**own, **{name: resolved for name, resolved in given.items() if name not in own}}
    return ProfileBook(
        file=file,
        models_dir=models_dir,
        profiles={name: _with_expanded_paths(resolved.profile) for name, resolved in everything.items()},
        builtin=frozenset(given) - frozenset(own),
        origins={name: resolved.origins for name, resolved in everything.items()},
    )


def fingerprint(profile: Profile, weights: Mapping[str, str] | None = None) -> str:
    """16 hex digits that tell apart what may answer differently; equal in every run and on every machine.

    `weights` are the hashes of the weights files by the profile's key for them (`model`, `draft`, `mmproj`), and stand
    for their paths. How a launched server is reached does not matter; a copy of a profile that was given the URL of its
    launched server must name its launcher.
    """
    hashes = dict(weights or {})
    asked = {**profile.asked_with(), "launcher": profile.launcher_name}
    if profile.launcher_name != "external":
        left_out = _REACHED_BY.union(*(_FILE_FLAGS.get(key, ()) for key in hashes))
        asked |= {"url": None, **dict.fromkeys(hashes.keys() & _FILE_FLAGS.keys())}
        asked["args"] = {flag: value for flag, value in asked["args"].items() if _flag(flag) not in left_out}
        asked["command"] = list(_without_flags(words_shown(profile.command), left_out))
    return content_hash(_sparse(asked), hashes or None)


def api_key(profile: Profile) -> str | None:
    """The API key, from the environment variable that `key_env` names; ProfileError if that is not set.

    None if the profile names no variable.
    """
    if profile.key_env is None:
        return None
    name = f'profile "{shown(profile.name)}"'
    if problem := key_env_problem(profile.key_env):
        raise ProfileError(f"{name}: key_env {problem}")
    key = os.environ.get(profile.key_env, "").strip()
    if not key:
        mend = f"set it: export {profile.key_env}=…"
        raise ProfileError(f"{name}: key_env names {profile.key_env}, which is not set in the environment; {mend}")
    return key


def _built_in(mappings: Iterable[_Builtin]) -> dict[str, Resolved]:
    given: dict[str, Resolved] = {}
    for mapping in mappings:
        tables = Tables("built-in profiles", {"profiles": mapping})
        for name, resolved in resolve(tables, given).items():
            if name in given:
                raise tables.error(("profiles", name), "two packages bring a profile of this name; rename one of them")
            given[name] = resolved
    return given


def _refuse_unknown_keys(tables: Tables) -> None:
    for key in tables.value:
        if key not in _TOP_LEVEL:
            mend = did_you_mean(key, _TOP_LEVEL) or "models go into [profiles.NAME] tables"
            raise tables.error((key,), f"unknown key; {mend}")


def _models_dir(tables: Tables, file: Path | None) -> Path | None:
    written = tables.plain(tables.value.get("models_dir"), ("models_dir",))
    if written is not None and not isinstance(written, str):
        raise tables.error(("models_dir",), f"must be a text in quotes, not {kind(written)}")
    override = os.environ.get(MODELS_DIR_VARIABLE)
    if override:
        return Path(_expanded(override)).absolute()
    if written is None or file is None:
        return None
    folder = _expanded(written)
    if re.search(r"\$(\{|[A-Za-z_])", folder):
        mend = f"set it, or set {MODELS_DIR_VARIABLE}"
        raise tables.error(("models_dir",), f"names an environment variable that is not set: {folder}; {mend}")
    return file.parent / folder


def _with_expanded_paths(profile: Profile) -> Profile:
    """A profile of local weights with `~` and environment variables in their paths put in."""
    if profile.launcher_name == "external":
        return profile
    paths = {key: _expanded(path) for key in _WEIGHTS if (path := getattr(profile, key))}
    return profile.model_copy(update=paths)


def _expanded(path: str) -> str:
    path = os.path.expandvars(path)
    try:
        return str(Path(path).expanduser()) if path.startswith("~") else path
    except RuntimeError:
        return path


def _flag(word: str) -> str:
    return word.lstrip("-").replace("_", "-")


def _without_flags(words: list[str], flags: Iterable[str]) -> Iterator[str]:
    unwanted = set(flags)
    rest = iter(words)
    for word in rest:
        flag, equals, _ = word.partition("=")
        if not word.startswith("-") or _flag(flag) not in unwanted:
            yield word
        elif not equals:
            next(rest, None)


def _sparse(value: Any) -> Any:
    """A value less what is not set, so that a key which a later version adds changes no fingerprint."""
    if not isinstance(value, dict):
        return value
    pruned = {key: _sparse(item) for key, item in value.items()}
    return {key: item for key, item in pruned.items() if item is not None and item != {}}
