"""Before anything is collected: settings checked, profiles resolved, and the paths of suites put in place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import pytest

from pytest_polecat.asking.identities import Identities
from pytest_polecat.asking.launch import Launchers, builtin_launchers
from pytest_polecat.asking.launch.base import Launcher, files_of, launcher_of
from pytest_polecat.asking.profiles import ProfileBook, api_key, find_config, load
from pytest_polecat.asking.weights.digest import cached_sha256, sha256_of, weights_files
from pytest_polecat.demo.profiles import PROFILES
from pytest_polecat.errors import PolecatError
from pytest_polecat.questions import selftest, suites
from pytest_polecat.records.profile import Profile
from pytest_polecat.rundir import RunDir
from pytest_polecat.settings import Replay, Settings
from pytest_polecat.third_party import blamed
from pytest_polecat.xdist import worker_input

PROFILES_KEY = pytest.StashKey[Mapping[str, Profile]]()
BOOK = pytest.StashKey[ProfileBook]()
IDENTITIES = pytest.StashKey[Identities]()
REPLAY = pytest.StashKey[Replay | None]()
RUN = pytest.StashKey[RunDir]()
SLOTS = pytest.StashKey[int]()
"""How many questions this process may be grading at once."""

_LARGE = 2**30
"""Bytes from which on hashing takes noticeable seconds."""

_NO_PATH = (pytest.Config.ArgsSource.INVOCATION_DIR, pytest.Config.ArgsSource.TESTPATHS)


def prepare(config: pytest.Config, settings: Settings) -> None:
    """Resolve what was asked for; anything wrong is a usage error of one line."""
    config.stash[REPLAY] = settings.replay
    try:
        config.stash[PROFILES_KEY] = _profiles(config, settings)
        _place_suites(config, settings)
    except PolecatError as error:
        raise pytest.UsageError(str(error)) from None


def check_launchable(config: pytest.Config) -> None:
    """Let each profile's launcher look whether it could start; only the controller needs to."""
    if config.stash[REPLAY] is not None:
        return
    try:
        known = launchers(config)
        for profile in config.stash[PROFILES_KEY].values():
            if profile.launcher_name == selftest.LAUNCHER:
                continue
            launcher = launcher_of(profile, known)
            api_key(profile)
            with blamed(f"profile {profile.name!r}: check() of its launcher"):
                launcher.check(profile, config.stash[BOOK].models_dir)
    except PolecatError as error:
        raise pytest.UsageError(str(error)) from None


def identities(config: pytest.Config, tell: Callable[[str], None]) -> Identities:
    """The identities of the session's profiles; `tell` gets a line for each weights file that takes a while to hash.

    A worker has the weights from the controller, a replay from the run that it replays.
    """
    if IDENTITIES not in config.stash:
        config.stash[IDENTITIES] = _identities(config, tell)
    return config.stash[IDENTITIES]


def _identities(config: pytest.Config, tell: Callable[[str], None]) -> Identities:
    profiles, given = config.stash[PROFILES_KEY], worker_input(config)
    replay = config.stash[REPLAY]
    if replay is not None:
        asked = {name: replay.run.profiles[name] for name in profiles}
        weights = {name: each.weights for name, each in asked.items()}
        return Identities(profiles, weights, {name: each.hash for name, each in asked.items()})
    return Identities.of(profiles, _weight_hashes(config, tell) if given is None else given["weights"])


def _weight_hashes(config: pytest.Config, tell: Callable[[str], None]) -> dict[str, dict[str, str]]:
    models_dir = config.stash[BOOK].models_dir if BOOK in config.stash else None
    hashes: dict[str, dict[str, str]] = {}
    try:
        known = launchers(config)
        for name, profile in config.stash[PROFILES_KEY].items():
            if profile.launcher_name != selftest.LAUNCHER:
                launcher = launcher_of(profile, known)
                with blamed(f"profile {name!r}: files() of its launcher"):
                    files = {key: Path(path) for key, path in files_of(launcher, profile, models_dir).items()}
                hashes[name] = {key: _hash(path, tell) for key, path in files.items()}
    except OSError as error:
        raise pytest.UsageError(f"{error.filename}: the weights can't be read: {error.strerror}") from None
    except PolecatError as error:
        raise pytest.UsageError(str(error)) from None
    return hashes


def _hash(path: Path, tell: Callable[[str], None]) -> str:
    files = weights_files(path)
    known = cached_sha256(files)
    size = sum(file.stat().st_size for file in files)
    if known is None and size > _LARGE:
        tell(f"polecat: hashing {path.name} ({size / 2**30:.1f} GiB), once for this file")
    return known or sha256_of(files)


def launchers(config: pytest.Config) -> Launchers:
    """Every way to start a server: polecat's own, the demo's, and third parties'. Raises `PolecatError`."""
    known = builtin_launchers(config.getoption("polecat_llama_server"))
    known.add("demo", _demo)
    with blamed("the hook pytest_polecat_launchers"):
        for brought in config.hook.pytest_polecat_launchers(config=config):
            for launcher in brought:
                known.add(launcher.name, partial(_itself, launcher))
    return known


def _demo() -> Launcher:
    from pytest_polecat.demo.launcher import DemoLauncher

    return DemoLauncher()


def _itself(launcher: Launcher) -> Launcher:
    return launcher


def _profiles(config: pytest.Config, settings: Settings) -> Mapping[str, Profile]:
    own = selftest.profiles()
    if settings.selftest:
        return own
    if settings.replay is not None:
        return {name: settings.replay.run.profiles[name].profile for name in settings.models}
    wanted = [name for name in settings.models if name not in own]
    profiles = {name: own[name] for name in settings.models if name in own}
    with blamed("the hook pytest_polecat_profiles"):
        brought = config.hook.pytest_polecat_profiles(config=config)
        builtin = {name: dict(table) for tables in [*brought, PROFILES] for name, table in tables.items()}
    book = load(settings.config or find_config(config.invocation_params.dir), builtin=builtin)
    config.stash[BOOK] = book
    found = {name: book.get(name) for name in wanted}
    return {name: (profiles | found)[name] for name in settings.models}


def _suite_paths(config: pytest.Config, settings: Settings) -> list[Path]:
    return [suites.find(name, config.invocation_params.dir) for name in settings.suites]


def _place_suites(config: pytest.Config, settings: Settings) -> None:
    """Put the suites' paths among pytest's arguments. xdist workers are given what the user wrote, so they do too."""
    named = [*([settings.path] if settings.path else []), *_suite_paths(config, settings)]
    no_path = config.args_source in _NO_PATH
    if not named and no_path and settings.asks:
        named = [*suites.quality_suites()]
    if named:
        config.args[:] = [*([] if no_path else config.args), *map(str, named)]
