"""What a launcher is, and what all of them share."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pytest_polecat.asking.launch.devices import Look, nvidia_devices
from pytest_polecat.errors import ProfileError
from pytest_polecat.records.profile import Profile

if TYPE_CHECKING:
    from pytest_polecat.asking.weights.overrides import Rule

_CONFIGURES_SERVERS = ("LLAMA_", "AIP_")
_CACHE_OF_DOWNLOADS = "LLAMA_CACHE"


@dataclass(frozen=True)
class Launch:
    """A server to start, and what has to be true of it once it is ready.

    `env` is the complete environment; `url` the base of its API, with its /v1; `shown` the command line as it is
    recorded, secrets left out. `files` are the weights by the profile's key for them (`model`, `draft`, `mmproj`);
    `build` names the engine where the server itself does not. `context` is the least number of tokens of a slot (None:
    the model's own), `speculates` whether speculation has to be on, `template` whatever replaces the chat template of
    the weights. `placement` are the rules that place tensors elsewhere,
    `key_overrides` the values of `--override-kv`. `look` tells the accelerators and their free
    memory; `notes` go into the record.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str]
    url: str
    shown: tuple[str, ...]
    files: Mapping[str, Path] = field(default_factory=dict)
    build: str | None = None
    context: int | None = None
    speculates: bool = False
    template: str | None = None
    placement: tuple[Rule, ...] = ()
    key_overrides: str = ""
    look: Look = nvidia_devices
    notes: tuple[str, ...] = ()


class Launcher(Protocol):
    """One way to make a server out of a profile. Third parties add theirs by the plugin's hook."""

    name: str

    def check(self, profile: Profile, models_dir: Path | None) -> None:
        """Raise `ProfileError`, one line with profile, key and mend, for whatever can be known before a start."""

    def prepare(self, profile: Profile, models_dir: Path | None, port: int) -> Launch | None:
        """The server to start on this port of 127.0.0.1; None: nothing to start, `profile.url` is served already."""

    def files(self, profile: Profile, models_dir: Path | None) -> Mapping[str, Path]:
        """The weights that the server will read, by the profile's key for them; none for a server elsewhere.

        A launcher without this method serves unknown weights.
        """


def files_of(launcher: Launcher, profile: Profile, models_dir: Path | None) -> Mapping[str, Path]:
    """The weights that the launcher says it will serve."""
    return launcher.files(profile, models_dir) if hasattr(launcher, "files") else {}


def launcher_of(profile: Profile, launchers: Mapping[str, Launcher]) -> Launcher:
    """The launcher that a profile asks for."""
    try:
        return launchers[profile.launcher_name]
    except KeyError:
        known = ", ".join(sorted(launchers)) or "none"
        raise ProfileError(
            f"profile {profile.name!r}: there is no launcher {profile.launcher_name!r}; "
            f"set `launcher` to one of: {known}"
        ) from None


def find_file(profile: Profile, key: str, models_dir: Path | None) -> Path:
    """The file that `profile.KEY` (`model`, `draft`, `mmproj`) names: as it stands, in `models_dir`, or from here."""
    value = getattr(profile, key)
    if not value:
        raise ProfileError(f"profile {profile.name!r}: `{key}` is missing; name a GGUF file")
    return find_named(profile, key, value, models_dir)


def find_named(profile: Profile, key: str, value: str, models_dir: Path | None) -> Path:
    """The file of this name; ProfileError says what is missing, and where it was looked for."""
    try:
        named = Path(value).expanduser()
    except RuntimeError:
        named = Path(value)
    places = [named] if named.is_absolute() else [base / named for base in (models_dir, Path.cwd()) if base]
    for place in places:
        with contextlib.suppress(OSError):
            if place.is_file():
                return place.resolve()
    looked = " and ".join(str(place) for place in places)
    mend = "correct it" if models_dir else "correct it, or set `models_dir` to the folder of your weights"
    raise ProfileError(f"profile {profile.name!r}: `{key}` = {value!r} was not found (looked at {looked}); {mend}")


def server_environment(profile: Profile, own: Mapping[str, str] | None = None) -> dict[str, str]:
    """Our environment with the profile's `env` and the launcher's `own`, less what changes a server in silence."""
    # A crash need not wait for a debugger to be attached.
    return {**without_hidden_settings(os.environ), "GGML_NO_BACKTRACE": "1", **(own or {}), **profile.env}


def without_hidden_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment less the variables and the user's configuration file that a llama.cpp server reads."""
    kept = {
        name: value
        for name, value in environment.items()
        if not name.startswith(_CONFIGURES_SERVERS) or name == _CACHE_OF_DOWNLOADS
    }
    return {**kept, "XDG_CONFIG_HOME": os.devnull}
