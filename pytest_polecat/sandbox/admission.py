"""Which files of a candidate's repository come into its sandbox: none that would steer the tests, or hide their own."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from pathlib import PurePosixPath

_PYTHONS = ("sitecustomize.py", "usercustomize.py")
_PYTESTS = ("conftest.py", "pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml")
_EVERYBODYS = ("pyproject.toml", "setup.cfg", "tox.ini")
STEERING = frozenset((*_PYTHONS, *_PYTESTS, *_EVERYBODYS))
"""Names of files that Python or pytest heed by themselves."""

ROOTS = ("", "src")
"""Folders of a repository in which its modules are looked for."""

_RUNNERS = frozenset(("pytest", "_pytest", "pluggy", "iniconfig", "packaging", "pygments", "py"))
_MODULES = (".py", ".so")


def admit(files: Mapping[str, str | bytes], own: Collection[str]) -> tuple[dict[str, str | bytes], dict[str, str]]:
    """The candidate's files that may come in, and why each other one may not; `own` are the paths of the test's own."""
    admitted: dict[str, str | bytes] = {}
    left_out = {}
    paths = {given: normal(given) for given in files}
    packages = {path.rpartition("/")[0] for path in paths.values() if path and _is_init(path)}
    for given, path in paths.items():
        why = _objection(path, own, packages) if path else "that is no path within the repository"
        if why:
            left_out[given] = why
        else:
            admitted[path] = files[given]
    return admitted, left_out


def normal(given: str) -> str:
    """The path without detours; empty for one that can't be."""
    pure = PurePosixPath(given)
    possible = given.isprintable() and not pure.is_absolute() and ".." not in pure.parts
    return "/".join(pure.parts) if possible else ""


def _objection(path: str, own: Collection[str], packages: Collection[str]) -> str:
    """Why a file may not come in; empty if it may."""
    pure = PurePosixPath(path)
    if path in own:
        return "the test's own file stands there"
    if pure.name in STEERING or pure.suffix == ".pth" or _is_metadata(pure):
        return "it would steer the tests"
    if pure.suffix == ".pyc" or "__pycache__" in pure.parts:
        return "it is bytecode"
    if any(_hides(path, each) for each in own):
        return "it would hide the test's own file"
    hidden = _hidden_module(path, packages)
    return f"it would hide the module {hidden}" if hidden else ""


def _is_metadata(pure: PurePosixPath) -> bool:
    """Whether it belongs to an installed package's metadata, which may name plugins."""
    return any(part.endswith((".dist-info", ".egg-info")) for part in pure.parts)


def _hides(path: str, own: str) -> bool:
    """Whether a file is in the way of the test's own, or would be imported in its place."""
    module = own.removesuffix(".py")
    as_package = path.startswith(f"{module}/") or (path.startswith(f"{module}.") and path.endswith(".so"))
    in_the_way = own.startswith(f"{path}/") or path.startswith(f"{own}/")
    for_a_folder = path.endswith(_MODULES) and own.startswith(f"{path.rpartition('/')[0]}/{_module(path)}/".lstrip("/"))
    return in_the_way or for_a_folder or (own.endswith(".py") and as_package)


def _module(path: str) -> str:
    return path.rpartition("/")[2].partition(".")[0]


def _hidden_module(path: str, packages: Collection[str]) -> str:
    """The module of Python's, or of the runner's, that this one would be imported in the place of."""
    for root in ROOTS:
        if root and not path.startswith(f"{root}/"):
            continue
        within = path.removeprefix(f"{root}/") if root else path
        first, _, rest = within.partition("/")
        name = first.partition(".")[0]
        if name not in sys.stdlib_module_names | _RUNNERS or not path.endswith(_MODULES):
            continue
        if not rest or f"{root}/{first}".lstrip("/") in packages:
            return name
    return ""


def _is_init(path: str) -> bool:
    return _module(path) == "__init__" and path.endswith(_MODULES)
