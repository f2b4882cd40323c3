"""The SHA-256 of weights: tens of gigabytes are read once, and again only when they were changed."""

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from pytest_polecat.asking.weights.gguf import GgufError, parts_of
from pytest_polecat.errors import PolecatError
from pytest_polecat.resources import cache_folders, is_ours, make_private
from pytest_polecat.rundir import write_atomically

_BUFFER = 4 << 20
_KEPT = 500

Stamp = list[list[str | int]]
"""What tells whether files are the same as they were: path, size, times of change and inode, for each."""


def sha256_of(paths: Path | Sequence[Path]) -> str:
    """The SHA-256, in hexadecimal digits, of a file, or of all parts of split weights one after another.

    It is kept by path, size, times of change and inode in `weights/sha256.json` of the user's cache folder; where that
    can't be written, it is computed each time. Raises `PolecatError` for a file that can't be read, or that changes
    meanwhile.
    """
    files = _resolved(paths)
    try:
        stamp = _stamp(files)
        known = _lookup(stamp)
        if known:
            return known
        digest = _computed(files)
        changed = _stamp(files) != stamp
    except OSError as error:
        raise PolecatError(f"{error.filename or files[0]} can't be read: {error.strerror or error}") from None
    if changed:
        raise PolecatError(f"{files[0]} was changed while it was read; wait until it is complete")
    _keep(stamp, digest)
    return digest


def cached_sha256(paths: Path | Sequence[Path]) -> str | None:
    """The SHA-256 if `sha256_of` has computed it and the files haven't changed since; it is never computed here."""
    try:
        return _lookup(_stamp(_resolved(paths)))
    except OSError:
        return None


def weights_files(path: Path) -> tuple[Path, ...]:
    """All files of these weights; the one that is named where it can't be read as GGUF."""
    try:
        return parts_of(path)
    except GgufError:
        return (path,)


def _resolved(paths: Path | Sequence[Path]) -> list[Path]:
    return [path.resolve() for path in ([paths] if isinstance(paths, Path) else paths)]


def _stamp(files: Sequence[Path]) -> Stamp:
    states = [(file, file.stat()) for file in files]
    return [[str(file), each.st_size, each.st_mtime_ns, each.st_ctime_ns, each.st_ino] for file, each in states]


def _computed(files: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    view = memoryview(bytearray(_BUFFER))
    for path in files:
        with path.open("rb", buffering=0) as file:
            while count := file.readinto(view):
                digest.update(view[:count])
    return digest.hexdigest()


def _lookup(stamp: Stamp) -> str | None:
    for folder in cache_folders("weights"):
        # In the folder for temporary files anyone can make a folder of any name.
        entry = _read(folder / "sha256.json").get(str(stamp[0][0]), {}) if is_ours(folder) else {}
        if entry.get("files") == stamp:
            return str(entry["sha256"])
    return None


def _keep(stamp: Stamp, digest: str) -> None:
    """Keep a hash. Of several processes that do so at once one may lose its entry, and computes it another time."""
    for folder in cache_folders("weights"):
        with suppress(OSError):
            make_private(folder)
            entries = _read(folder / "sha256.json")
            entries.pop(str(stamp[0][0]), None)
            entries[str(stamp[0][0])] = {"files": stamp, "sha256": digest}
            kept = dict(list(entries.items())[-_KEPT:])
            write_atomically(folder / "sha256.json", json.dumps(kept, indent=1).encode())
            return


def _read(file: Path) -> dict[str, dict[str, Any]]:
    """The entries by the path of their first file; none if the cache is missing or damaged."""
    try:
        entries = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(entries, dict):
        return {}
    return {path: entry for path, entry in entries.items() if isinstance(entry, dict) and "sha256" in entry}
