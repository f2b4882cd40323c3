"""What a launcher is, and what all of them share."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pytest_polecat.errors import ProfileError
from pytest_polecat.records.profile import Profile

_CONFIGURES_SERVERS = ("LLAMA_ARG_", "AIP_")


@dataclass(frozen=True)
class Launch:
    """A server to start.

    `env` is the complete environment; `url` the base of its API, with its /v1; `shown` the command line as it is
    recorded, secrets left out. `model_path` is the weights file that the server has to report (None: not known
    beforehand); `build` names the engine where the server itself does not.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str]
    url: str
    shown: tuple[str, ...]
    model_path: Path | None = None
    build: str | None = None


class Launcher(Protocol):
    """One way to make a server out of a profile. Third parties add theirs by the plugin's hook."""

    name: str

    def check(self, profile: Profile, models_dir: Path | None) -> None:
        """Raise `ProfileError`, one line with profile, key and mend, for whatever can be known before a start."""

    def prepare(self, profile: Profile, models_dir: Path | None, port: int) -> Launch | None:
        """The server to start on this port of 127.0.0.1; None: nothing to start, `profile.url` is served already."""


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
    named = Path(value).expanduser()
    places = [named] if named.is_absolute() else [base / named for base in (models_dir, Path.cwd()) if base]
    for place in places:
        if place.is_file():
            return place.resolve()
    looked = " and ".join(str(place) for place in places)
    raise ProfileError(
        f"profile {profile.name!r}: `{key}` = {value!r} was not found (looked at {looked}); "
        "correct it, or set `models_dir` to the folder of your weights"
    )


def server_environment(profile: Profile) -> dict[str, str]:
    """Our environment with the profile's `env`, less the variables that change a llama.cpp server in silence."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_CONFIGURES_SERVERS)}
    # A crash need not wait for a debugger to be attached.
    return {**inherited, "GGML_NO_BACKTRACE": "1", **profile.env}
