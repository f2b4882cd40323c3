"""Finding suites by name: bundled ones, those that installed packages bring, and plain paths."""

import difflib
from collections.abc import Mapping
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path

from pytest_polecat.errors import SuiteError
from pytest_polecat.resources import bundled

ENTRY_POINTS = "pytest_polecat.suites"
"""An entry point of this group names a package (or `package:folder`) whose folder holds the suite's files."""

ON_REQUEST = frozenset({"performance", "agents"})
"""Bundled suites that run only when they are named."""


def bundled_suites() -> dict[str, Path]:
    """Name -> folder of every suite that polecat brings."""
    return {folder.name: folder for folder in sorted(bundled("suites").iterdir()) if folder.is_dir()}


def quality_suites() -> list[Path]:
    """The suites that are asked when the user names none."""
    return [folder for name, folder in bundled_suites().items() if name not in ON_REQUEST]


def installed_suites() -> dict[str, Path]:
    """Name -> folder of the suites that other packages bring."""
    return {point.name: _folder(point.value) for point in entry_points(group=ENTRY_POINTS)}


def find(name: str, start: Path) -> Path:
    """The folder or file of a suite named on the command line; a path is taken relative to `start`."""
    known: Mapping[str, Path] = {**installed_suites(), **bundled_suites()}
    if name in known:
        return known[name]
    path = start / name
    if path.exists():
        return path
    near = difflib.get_close_matches(name, known, n=3)
    hint = f"nearest: {', '.join(near)}" if near else f"there are: {', '.join(sorted(known))}"
    raise SuiteError(f'--polecat-suite: no suite "{name}" and no such path; {hint}')


def _folder(value: str) -> Path:
    package, _, folder = value.partition(":")
    try:
        return Path(str(files(package))) / folder
    except ModuleNotFoundError:
        raise SuiteError(f"the suite package {package} is registered but can't be imported; reinstall it") from None
